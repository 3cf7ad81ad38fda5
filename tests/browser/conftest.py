"""A Dagster web server over an instance with six runs of the real pipeline, and a real Chromium to look at it."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import sync_playwright

from assets.definitions import defs

ROOT = Path(__file__).parents[2]
RUNS = 6
REPORT = "https://reports.example.org/ledger-report.html"
"""Where the report is said to be; nothing asks there."""

INKED = """
canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let i = 3; i < data.length; i += 4) inked += data[i] > 0;
  return inked;
}
"""
"""How many pixels of a canvas something was drawn on."""


@pytest.fixture(scope="session")
def chromium():
    """The path of the system's Chromium."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium; `.ci/run` does it)")
    return found


@pytest.fixture(scope="session")
def screenshots(request):
    """Where pictures go: into the documentation when golden files are written anew, else into build/."""
    update = request.config.getoption("--update-golden")
    place = ROOT / "docs" / "images" if update else ROOT / "build" / "screenshots"
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory, chromium):
    """A home with an instance that has run the real pipeline several times, tracked into a ledger beside it."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\nnux:\n  enabled: false\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_LEDGER_URI", str(home / "ledger"))
        patch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(home / "output"))
        patch.setenv("DAGSTER_LEDGER_REPORT_URL", REPORT)
        job = defs.resolve_job_def("enrich_companies")
        with dg.DagsterInstance.get() as instance:
            for _ in range(RUNS):
                assert job.execute_in_process(instance=instance).success
            strict = {"dagster_ledger/overrides": '{"match_rate_threshold": 0.99}'}
            blocked = job.execute_in_process(instance=instance, tags=strict, raise_on_error=False)
            assert not blocked.success
            (home / "blocked_run").write_text(blocked.run_id)
            assert defs.resolve_job_def("check_health").execute_in_process(instance=instance).success
    return home


@pytest.fixture(scope="session")
def server(dagster_home):
    """The address of a running web server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["dagster-webserver", "-m", "assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    environment = os.environ | {"DAGSTER_HOME": str(dagster_home), "DAGSTER_LEDGER_URI": str(dagster_home / "ledger")}
    log = (dagster_home / "webserver.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address, process)
            yield address
        finally:
            process.terminate()


def _wait_for(address: str, process: subprocess.Popen) -> None:
    """Wait until the server answers; fail where it ends or never does."""
    pause = threading.Event()
    for _ in range(600):
        assert process.poll() is None, "the web server ended before it answered"
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            pause.wait(0.1)
    pytest.fail("the web server did not answer within a minute")


@pytest.fixture
def page(chromium, server):
    """A browser page of 1440 by 1000 pixels."""

    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        opened = browser.new_page(viewport={"width": 1440, "height": 1000}, base_url=server)
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()
