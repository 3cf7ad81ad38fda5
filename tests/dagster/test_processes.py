"""Steps in processes of their own: every one writes to the same ledger, and a killed one leaves its start."""

import json
import os
import signal

import pytest

from ledger.events import AssetStarted, RunFinished, RunStarted
from ledger.service.recording.reconcile import reconcile
from ledger.store import open_store

LOCATION = """
    import os
    import signal
    import threading
    import time

    import dagster as dg
    from ledger.dagster import tracked, track_definitions

    @dg.asset
    def first():
        return 1

    @dg.asset
    def second():
        return 2

    @dg.asset
    def third(first, second):
        return first + second

    @dg.asset
    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    @dg.asset
    def waits():
        with open(os.environ["TEST_FIFO"], "w"):
            pass
        while True:
            signal.pause()

    @dg.asset
    def bombarded():
        def fire():
            for _ in range(300):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.001)

        threading.Thread(target=fire, daemon=True).start()
        while True:
            signal.pause()

    class FullDisk(dg.IOManager):
        def handle_output(self, context, obj):
            raise OSError("no space left")

        def load_input(self, context):
            raise NotImplementedError

    @dg.asset(io_manager_key="full")
    def unstorable():
        yield dg.Output(1)

    defs = track_definitions(
        dg.Definitions(
            assets=[first, second, third, killed, waits, bombarded, unstorable],
            resources={"full": FullDisk()},
            jobs=[
                dg.define_asset_job("three", selection=["first", "second", "third"]),
                dg.define_asset_job("dies", selection=["first", "killed"]),
                dg.define_asset_job("waiting", selection=["waits"]),
                dg.define_asset_job("bombarded_job", selection=["bombarded"]),
                dg.define_asset_job("full", selection=["unstorable"]),
            ],
        )
    )
"""


def answer(child):
    said, errors = child.communicate(timeout=180)
    assert child.returncode == 0, errors
    return json.loads(said.splitlines()[-1])


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"job": "three"}, id="job", marks=pytest.mark.slow),
        pytest.param({"assets": ["first", "second", "third"]}, id="all"),
    ],
)
def test_every_step_has_a_process_and_all_share_the_ledger(code_location, launch_apart, ledger, wanted):
    run_id, success, _ = answer(launch_apart(module=code_location(LOCATION), executor="multiprocess", **wanted))
    assert success
    assert ledger.statuses() == {(name, None, 0): "success" for name in ("first", "second", "third")}
    spans = ledger.events(AssetStarted)
    assert len({span.pid for span in spans}) == 3
    assert {span.run_id for span in spans} == {run_id}
    assert len({span.environment_digest for span in spans}) == 1
    assert len(ledger.events(RunStarted)) == len(ledger.events(RunFinished)) == 1


def test_a_killed_step_leaves_a_start_without_an_end_and_is_reconciled(code_location, launch_apart, ledger):
    run_id, success, failures = answer(
        launch_apart(module=code_location(LOCATION), job="dies", executor="multiprocess")
    )
    assert not success
    assert len(failures) == 1
    assert ledger.statuses() == {("first", None, 0): "success", ("killed", None, 0): "running"}
    assert ledger.events(RunFinished)[0].status == "failed"
    (lost,) = reconcile(open_store(str(ledger.place)))
    assert (lost.asset, lost.run_id) == ("killed", run_id)
    assert ledger.statuses()["killed", None, 0] == "lost"


@pytest.mark.parametrize("executor", ["in_process", pytest.param("multiprocess", marks=pytest.mark.slow)])
def test_an_interrupted_launch_is_recorded_as_canceled(
    code_location, launch_apart, ledger, tmp_path, monkeypatch, executor
):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setenv("TEST_FIFO", str(fifo))
    child = launch_apart(module=code_location(LOCATION), job="waiting", executor=executor)
    with fifo.open():  # Opens when the asset does: it is at work now.
        pass
    os.killpg(child.pid, signal.SIGINT)
    child.communicate(timeout=180)
    assert ledger.statuses() == {("waits", None, 0): "canceled"}
    assert ledger.events(RunFinished)[0].status == "canceled"


@pytest.mark.slow
def test_further_interruptions_do_not_keep_the_first_from_being_recorded(code_location, launch_apart, ledger):
    child = launch_apart(module=code_location(LOCATION), job="bombarded_job", executor="in_process")
    child.communicate(timeout=180)
    assert ledger.statuses() == {("bombarded", None, 0): "canceled"}


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_a_generator_that_dagster_abandons_is_closed_when_its_process_ends(
    code_location, launch_apart, ledger, executor
):
    _, success, _ = answer(launch_apart(module=code_location(LOCATION), job="full", executor=executor))
    assert not success
    assert ledger.statuses() == {("unstorable", None, 0): "canceled"}
