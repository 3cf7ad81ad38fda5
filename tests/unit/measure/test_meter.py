"""A span's figures are its own: exact, whatever nests in it or runs beside it."""

import ctypes
import gc
import resource
import subprocess
import sys
import threading
import time

import pytest

from ledger.measure import Meter

MB = 1_000_000
TOLERANCE = 3 * MB


@pytest.fixture(autouse=True)
def nothing_to_give_back():
    """What earlier tests left is gone before a span begins: a process that shrinks meanwhile takes less at its peak."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # Of glibc alone.
    if trim is not None:
        trim(0)


def allocate(megabytes):
    """Touch that much memory, and give it back."""
    block = bytearray(b"x") * (megabytes * MB)
    return len(block)


def test_a_block_that_was_freed_is_in_the_peak():
    meter = Meter.start()
    allocate(300)
    measured = meter.stop()
    assert measured.peak_method == "vmhwm"
    assert measured.peak_increase_bytes == pytest.approx(300 * MB, abs=TOLERANCE)
    assert measured.peak_rss_bytes == measured.start_rss_bytes + measured.peak_increase_bytes


def test_the_peak_of_an_earlier_span_is_not_in_a_later_one():
    first = Meter.start()
    allocate(200)
    first.stop()
    second = Meter.start()
    allocate(20)
    assert second.stop().peak_increase_bytes == pytest.approx(20 * MB, abs=TOLERANCE)


def test_nested_spans_are_both_exact():
    outer = Meter.start()
    allocate(200)
    inner = Meter.start()
    allocate(50)
    assert inner.stop().peak_increase_bytes == pytest.approx(50 * MB, abs=TOLERANCE)
    assert outer.stop().peak_increase_bytes == pytest.approx(200 * MB, abs=TOLERANCE)


def test_an_inner_peak_belongs_to_the_outer_span_too():
    outer = Meter.start()
    inner = Meter.start()
    allocate(150)
    inner.stop()
    assert outer.stop().peak_increase_bytes == pytest.approx(150 * MB, abs=TOLERANCE)


def test_spans_of_threads_that_overlap_see_what_the_process_held():
    early, late = threading.Event(), threading.Event()
    seen = {}

    def first():
        meter = Meter.start()
        allocate(120)
        early.set()
        late.wait()
        seen["first"] = meter.stop()

    def second():
        early.wait()
        meter = Meter.start()
        allocate(40)
        late.set()
        seen["second"] = meter.stop()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen["first"].peak_increase_bytes == pytest.approx(120 * MB, abs=TOLERANCE)
    assert seen["second"].peak_increase_bytes == pytest.approx(40 * MB, abs=TOLERANCE)


def test_a_span_reads_what_a_clock_beside_it_reads():
    outside = time.perf_counter()
    meter = Meter.start()
    began = time.perf_counter()
    time.sleep(0.5)
    slept_s = time.perf_counter() - began
    measured = meter.stop()
    assert slept_s <= measured.duration_s <= time.perf_counter() - outside


METERED = """
import time
from ledger.measure import Meter
meter = Meter.start()
time.sleep(0.5)
measured = meter.stop()
print(measured.cpu_s, measured.metering_cpu_s)
"""


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_metering_half_a_second_takes_less_processor_time_than_starting_a_bare_python():
    # In a process of its own: resetting the peak walks all pages, and a worker of the suite has as many as it likes.
    costs, starts = [], []
    for _ in range(5):  # A shared machine is slow at times: the least of each is what it takes.
        said = subprocess.run([sys.executable, "-c", METERED], check=True, capture_output=True, text=True).stdout
        costs.append(sum(map(float, said.split())))
        before = children_cpu_s()
        subprocess.run([sys.executable, "-S", "-E", "-c", "pass"], check=True)
        starts.append(children_cpu_s() - before)
    assert min(costs) < min(starts)


def test_starting_and_stopping_take_less_than_half_of_starting_a_bare_python():
    spans, processes = [], []
    for _ in range(25):
        began = time.perf_counter()
        Meter.start().stop()
        spans.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-S", "-E", "-c", "pass"], check=True)
        processes.append(time.perf_counter() - began)
    assert sorted(spans)[12] < 0.5 * sorted(processes)[12]


def test_cpu_time_of_work_and_of_ended_children_is_counted():
    meter = Meter.start()
    spend = "import time\nwhile time.process_time() < 0.1: pass"
    exec(spend.replace("0.1", f"{time.process_time() + 0.1}"))  # noqa: S102 - the same work here and in a child
    subprocess.run([sys.executable, "-c", spend], check=True)
    assert meter.stop().cpu_s >= 0.19


def test_children_of_the_span_are_sampled_and_those_before_it_are_not():
    command = [sys.executable, "-c", "block = bytearray(b'x') * 60_000_000; print('up', flush=True); input()"]

    def child():
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    with child() as before:
        meter = Meter.start(sample_hz=100)
        seen_ticks = threading.Event()
        ticking = Meter.start(sample_hz=100, on_tick=lambda _elapsed, _rss: seen_ticks.set(), tick_every_s=0.0)
        seen_ticks.wait(10)
        assert ticking.lap().children_peak_rss_bytes is None
        with child() as during:
            while meter.lap().children_peak_rss_bytes is None:
                pass
            seen_ticks.clear()
            seen_ticks.wait(10)
            seen_ticks.clear()
            seen_ticks.wait(10)
            during.communicate(b"\n")
        ticking.stop()
        measured = meter.stop()
        before.communicate(b"\n")
    assert 60 * MB <= measured.children_peak_rss_bytes < 110 * MB


def test_no_child_is_absence_and_not_zero():
    assert Meter.start().stop().children_peak_rss_bytes is None


def test_a_callback_that_raises_does_not_end_the_sampler_and_none_comes_after_stop():
    calls, twice = [], threading.Event()

    def on_tick(elapsed_s, rss_bytes):
        calls.append((elapsed_s, rss_bytes))
        if len(calls) >= 2:
            twice.set()
        raise ValueError

    meter = Meter.start(sample_hz=100, on_tick=on_tick, tick_every_s=0.0)
    beside = Meter.start(sample_hz=100)
    assert twice.wait(10)
    meter.stop()
    count = len(calls)
    again = threading.Event()
    other = Meter.start(sample_hz=100, on_tick=lambda _elapsed, _rss: again.set(), tick_every_s=0.0)
    assert again.wait(10), "the sampler still lives"
    assert len(calls) == count
    assert all(elapsed_s > 0 and rss_bytes > MB for elapsed_s, rss_bytes in calls)
    other.stop()
    beside.stop()


def test_stopping_waits_for_a_callback_that_is_running():
    entered, release, order = threading.Event(), threading.Event(), []

    def on_tick(_elapsed_s, _rss_bytes):
        entered.set()
        release.wait(10)
        order.append("ticked")

    meter = Meter.start(sample_hz=100, on_tick=on_tick, tick_every_s=60.0)
    ticking = Meter.start(sample_hz=100, on_tick=on_tick, tick_every_s=0.0)
    assert entered.wait(10)
    stopping = threading.Thread(target=lambda: (ticking.stop(), order.append("stopped")))
    stopping.start()
    stopping.join(0.1)
    assert stopping.is_alive()
    release.set()
    stopping.join()
    assert order[-1] == "stopped"
    meter.stop()


def test_what_the_sampler_does_is_metering_and_not_work():
    seconds, twice = [], threading.Event()

    def on_tick(_elapsed_s, _rss_bytes):
        if seconds:
            twice.set()
            return
        began = time.thread_time()
        while time.thread_time() - began < 0.1:
            pass
        seconds.append(time.thread_time() - began)

    meter = Meter.start(sample_hz=100, on_tick=on_tick, tick_every_s=0.0)
    assert twice.wait(10)
    measured = meter.stop()
    assert measured.metering_cpu_s >= 0.1
    assert measured.cpu_s < seconds[0]


def test_a_callback_may_stop_its_own_meter():
    done = threading.Event()
    meters = []

    def on_tick(_elapsed_s, _rss_bytes):
        if meters:
            meters[0].stop()
            done.set()

    meters.append(Meter.start(sample_hz=100, on_tick=on_tick, tick_every_s=0.0))
    assert done.wait(10)


def test_stopping_again_and_from_many_threads_gives_the_same():
    meter = Meter.start()
    results = []
    threads = [threading.Thread(target=lambda: results.append(meter.stop())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert meter.stop() == meter.lap() == results[0]


def test_a_pause_is_in_no_figure():
    outside_s, outside_cpu_s = time.perf_counter(), time.process_time()
    meter = Meter.start()
    allocate(30)
    meter.pause()
    paused_s, paused_cpu_s = time.perf_counter(), time.process_time()
    allocate(120)
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    meter.pause()
    paused_s, paused_cpu_s = time.perf_counter() - paused_s, time.process_time() - paused_cpu_s
    meter.resume()
    meter.resume()
    measured = meter.stop()
    assert measured.duration_s <= time.perf_counter() - outside_s - paused_s
    assert measured.cpu_s <= time.process_time() - outside_cpu_s - paused_cpu_s
    assert measured.peak_increase_bytes == pytest.approx(30 * MB, abs=TOLERANCE)


def test_a_span_stopped_in_a_pause_ends_where_the_pause_began():
    meter = Meter.start()
    meter.pause()
    allocate(120)
    lap, measured = meter.lap(), meter.stop()
    assert measured.duration_s == lap.duration_s
    assert measured.peak_increase_bytes < TOLERANCE


def test_a_pause_takes_nothing_from_a_span_beside_it():
    beside = Meter.start()
    paused = Meter.start()
    paused.pause()
    allocate(120)
    paused.resume()
    paused.stop()
    assert beside.stop().peak_increase_bytes == pytest.approx(120 * MB, abs=TOLERANCE)


def test_a_forked_child_starts_without_its_parents_spans():
    program = (
        "import os, warnings; warnings.simplefilter('ignore')\n"
        "from ledger.measure import Meter\n"
        "meter = Meter.start()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    own = Meter.start().stop()\n"
        "    os._exit(0 if own.peak_method == 'vmhwm' else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "meter.stop()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
