"""The live view beside a real run: its progress, its report once it has ended, and what stays as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.cli.test_report import SHOWN, served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PIPELINE = """
import pathlib
import time

import dagster as dg

from ledger.dagster import current_span, tracked


@dg.asset
@tracked
def loaded() -> int:
    return 1


@dg.asset
@tracked
def matched(loaded: int) -> int:
    gate = pathlib.Path("go")
    for number in range(1, 10_000):
        current_span().progress(min(number * 100, 400), 1000, 30.0)
        if gate.exists():
            break
        time.sleep(0.05)
    return loaded


defs = dg.Definitions(assets=[loaded, matched], jobs=[dg.define_asset_job("nightly", "*")])
"""
RUN = ("run", "-m", "pipeline", "--job", "nightly", "--executor", "in_process", "-q", "--set", "progress_every_s=0")
LIVE = "section.live"
FRAMED = """
address => new Promise(done => {
  const frame = document.createElement('iframe');
  frame.onload = done;
  frame.src = address;
  document.body.append(frame);
})
"""


def program(place: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DAGSTER_LEDGER_URI": str(place / "ledger"), "DAGSTER_HOME": str(place / "home")}
    return subprocess.Popen([sys.executable, "-m", "ledger_cli.main", *words], cwd=place, env=environment)


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A project that has run three times."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "go").touch()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    for _ in range(3):
        assert program(tmp_path, *RUN).wait() == 0
    return tmp_path


@pytest.fixture
def sheet(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def test_a_run_is_followed_to_its_end_and_what_was_typed_stays(pipeline, sheet, screenshots):
    complaints = []
    sheet.on("pageerror", lambda error: complaints.append(str(error)))
    sheet.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    with served(pipeline / "ledger", "--title", "nightly", "--no-readiness") as (address, _):
        sheet.goto(address)
        sheet.locator(LIVE).get_by_text("Nothing runs.").wait_for()
        sheet.get_by_role("searchbox").fill("matched")
        (pipeline / "go").unlink()
        process = program(pipeline, *RUN)
        try:
            bar = sheet.get_by_role("progressbar", name="progress of matched")
            bar.wait_for()
            assert float(bar.get_attribute("max") or 0) == 1000
            sheet.locator(LIVE).get_by_text("400 of 1,000 rows").wait_for()
            assert sheet.locator(LIVE).get_by_text("last heard of").is_visible()
            sheet.screenshot(path=screenshots / "report-live.png")
        finally:
            (pipeline / "go").touch()
            assert process.wait() == 0
        sheet.locator(LIVE).get_by_text("Nothing runs.").wait_for()
        sheet.locator(".card:visible .readout").first.get_by_text("4 runs").wait_for()
        assert sheet.get_by_role("searchbox").input_value() == "matched"
        assert "q=matched" in sheet.url
    sheet.locator(LIVE).get_by_text("The server does not answer").wait_for()
    assert [one for one in complaints if "ERR_CONNECTION_REFUSED" not in one and "Failed to load" not in one] == []


def test_with_a_token_the_address_opens_it_once_and_the_cookie_from_then_on(pipeline, sheet):
    (pipeline / "token").write_text(SHOWN)
    with served(pipeline / "ledger", "--token-file", "token") as (address, _):
        sheet.goto(address)
        assert "show the token" in sheet.locator("body").inner_text()
        sheet.goto(f"{address}?token={SHOWN}#view=table")
        sheet.locator("table.series tbody tr").first.wait_for()
        assert SHOWN not in sheet.url
        assert sheet.evaluate("document.cookie") == ""
        sheet.locator(LIVE).get_by_text("Nothing runs.").wait_for()


def test_the_page_of_another_origin_can_neither_read_nor_frame_it(pipeline, sheet):
    with served(pipeline / "ledger") as (address, _):
        sheet.goto("about:blank")
        read = "address => fetch(address, {mode: 'MODE'}).then(answer => answer.type).catch(() => 'refused')"
        assert sheet.evaluate(read.replace("MODE", "cors"), f"{address}data") == "refused"
        assert sheet.evaluate(read.replace("MODE", "no-cors"), f"{address}data") == "refused"
        sheet.evaluate(FRAMED, address)
        assert sheet.frames[1].url.startswith("chrome-error:")
