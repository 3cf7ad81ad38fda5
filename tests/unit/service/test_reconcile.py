"""The reconciler: closes on evidence only, once, and keeps what was known."""

import dataclasses
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import AssetLost, AssetStarted, ProgressReported, asset_stream
from ledger.events.codec import from_table
from ledger.measure import current_process
from ledger.service.recording.reconcile import Evidence, find_lost, open_streams, reconcile
from ledger.service.recording.recorder import StreamRecorder
from ledger.store import open_store

ASK = """
import dataclasses, json
from ledger.measure import current_process
print(json.dumps(dataclasses.asdict(current_process())), flush=True)
input()
"""


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "ledger"), create=True)


def begin(store, asset="a", **identity):
    """Open an attempt of this process, or of one that differs from it as told."""
    process = dataclasses.asdict(current_process()) | identity
    recorder = StreamRecorder(store, asset_stream(asset, "r", None, 0))
    recorder.record(AssetStarted(asset=asset, run_id="r", output_assets=(asset,), step_key=asset, **process))
    return recorder


def lost(store):
    return [entry.event for entry in from_table(store.read()) if isinstance(entry.event, AssetLost)]


def test_a_living_process_is_left_alone(store):
    begin(store)
    assert reconcile(store) == []
    assert len(open_streams(store)) == 1


def test_a_process_that_was_killed_is_closed_once_with_its_last_progress(store):
    child = subprocess.Popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    recorder = begin(store, **json.loads(child.stdout.readline()))
    recorder.record(ProgressReported(asset="a", run_id="r", value=40.0, total=90.0))
    assert find_lost(store) == []
    child.kill()
    child.wait()
    assert len(find_lost(store)) == 1
    assert lost(store) == []
    (closed,) = reconcile(store)
    assert (closed.asset, closed.run_id) == ("a", "r")
    assert f"process {child.pid}" in closed.reason
    (event,) = lost(store)
    assert event.context["progress_rows"] == 40.0
    assert event.context["total_rows"] == 90.0
    assert reconcile(store) == []
    child.stdin.close()
    child.stdout.close()


@pytest.mark.parametrize(
    ("identity", "word"),
    [({"boot_id": "another boot"}, "is gone"), ({"pid_started_ticks": 1}, "is gone"), ({"pid": 2**22 + 5}, "is gone")],
    ids=["restarted", "pid given anew", "no such pid"],
)
def test_what_cannot_live_any_more_is_closed(store, identity, word):
    begin(store, **identity)
    (closed,) = reconcile(store)
    assert word in closed.reason


@pytest.mark.parametrize("identity", [{"host": "elsewhere"}, {"pid_namespace": 1}], ids=["host", "namespace"])
def test_what_cannot_be_seen_from_here_is_closed_only_after_a_long_silence(store, identity):
    begin(store, **identity)
    assert reconcile(store) == []
    (closed,) = reconcile(store, clock=lambda: datetime.now(UTC) + timedelta(minutes=11))
    assert "has been silent for" in closed.reason


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(run_ended=lambda _: "FAILURE"), "the run is over (FAILURE)"),
        (Evidence(step_ended=lambda _, __: "FAILURE"), "the step is over (FAILURE)"),
    ],
    ids=["run", "step"],
)
def test_dagster_may_know_better(store, evidence, words):
    begin(store, host="elsewhere")
    (closed,) = reconcile(store, evidence)
    assert words in closed.reason


def test_of_several_reconcilers_exactly_one_closes(store):
    begin(store, pid_started_ticks=1)
    found, ready = [], threading.Barrier(8)

    def work():
        ready.wait()
        found.extend(reconcile(store))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(lost(store)) == 1
    assert store.problems() == []
