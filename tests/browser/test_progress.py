"""What a person sees of a run that is under way in the log of Dagster's own interface: rows, peak memory, time left."""

import os
import re
import select
import signal
import subprocess
import sys
import threading

import pytest

from ledger.events import AssetStarted, ProgressReported
from ledger.events.codec import from_table
from ledger.store import open_store
from tests.browser.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SIZES = "ops: {generated_awards: {config: {awards: 20000, registry: 20000}}}\n"
LINE = re.compile(r"[\d,]+ of 20,000 rows \(\d+ %\), peak [\d,.]+ MiB, about .* left")


@pytest.fixture
def under_way(dagster_home, server, tmp_path):
    """The id of a run that has come to a third of its rows and is stopped there, so that it is under way."""
    (tmp_path / "sizes.yaml").write_text(SIZES)
    words = ["--set", "chunk_size=500", "--set", "progress_every_s=0", "--set", "progress_log_every_s=0"]
    command = [sys.executable, "-m", "ledger_cli.main", "run", "-q", "--job", "enrich_awards"]
    command += ["--executor", "in_process", "--run-config", str(tmp_path / "sizes.yaml"), *words]
    environment = os.environ | {
        "DAGSTER_HOME": str(dagster_home),
        "DAGSTER_LEDGER_URI": str(dagster_home / "ledger"),
        "DAGSTER_LEDGER_OUTPUT_DIR": str(dagster_home / "output"),
    }
    store, pause = open_store(str(dagster_home / "ledger")), threading.Event()
    cursor = store.view().cursor
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    pids, reached = {}, None
    while reached is None:
        assert running.poll() is None, "the run was over before it could be looked at"
        new, cursor = store.changes(cursor)
        for event in (entry.event for entry in from_table(new)):
            if isinstance(event, AssetStarted):
                pids[event.asset] = event.pid
            if isinstance(event, ProgressReported) and event.value >= (event.total or 0.0) / 3:
                reached = event
        pause.wait(0.05)
    pid = pids["enriched_awards"]
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSTOP)
    yield reached.run_id
    os.kill(pid, signal.SIGCONT)
    select.select([process], [], [])
    os.close(process)
    assert running.wait() == 0


def test_the_log_of_a_run_says_how_far_it_is_and_how_long_it_will_take(page, screenshots, under_way):
    page.goto(f"/runs/{under_way}?logs=rows")
    line = page.get_by_text(LINE).first
    line.wait_for()
    assert page.get_by_text("Started", exact=True).or_(page.get_by_text("Running", exact=True)).count() > 0
    line.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "dagster-progress.png")
