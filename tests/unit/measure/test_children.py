"""Descendants are found through all threads of all generations."""

import os
import subprocess
import sys
import threading

from ledger.measure.children import descendants, total_rss_bytes


def test_grandchildren_and_children_of_other_threads_are_found():
    command = [
        sys.executable,
        "-c",
        "import subprocess; p = subprocess.Popen(['cat'], stdin=-1); print(p.pid, flush=True); input()",
    ]
    started, done = [], threading.Event()

    def start():
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append((process, int(process.stdout.readline())))
        done.wait()

    before = descendants()
    thread = threading.Thread(target=start)
    thread.start()
    while not started:
        os.sched_yield()
    process, grandchild = started[0]
    try:
        new = descendants() - before
        assert {process.pid, grandchild} <= new
        assert total_rss_bytes(new) > 1_000_000
    finally:
        done.set()
        thread.join()
        process.communicate(b"\n")
    assert process.pid not in descendants()


def test_processes_that_ended_and_a_missing_proc_count_nothing(tmp_path):
    assert descendants(1, tmp_path) == frozenset()
    assert total_rss_bytes(frozenset({1, 2}), tmp_path) == 0


def test_a_tree_is_followed_through_every_thread(tmp_path):
    for thread, text in (("7/task/7", "8 9 "), ("7/task/70", "10 "), ("8/task/8", "11 "), ("9/task/9", "")):
        (tmp_path / thread).mkdir(parents=True)
        (tmp_path / thread / "children").write_text(text)
    (tmp_path / "11").mkdir()
    (tmp_path / "11" / "statm").write_text("900 3 1 1 0 1 0\n")
    found = descendants(7, tmp_path)
    assert found == {8, 9, 10, 11}
    assert total_rss_bytes(found, tmp_path) == 3 * os.sysconf("SC_PAGE_SIZE")
