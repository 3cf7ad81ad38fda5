"""``report`` and ``serve`` as they are used: on a ledger, as programs, with wrong words, and asked by others."""

import contextlib
import csv
import http.client
import io
import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledger.events import AssetStarted, ProgressReported, RunStarted, asset_stream, run_stream
from ledger.service.project.clock import utc_now
from ledger.service.recording.recorder import StreamRecorder
from ledger.store import open_store
from tests.cli.conftest import GOOD
from tests.judged import batches, story, write
from tests.report.test_page import data_of

SHOWN = "a-token-of-sixteen-letters"
ANYWHERE = "0.0.0.0"  # noqa: S104 - with a token, or refused


@pytest.fixture
def ledger(place):
    """A ledger of thirty runs, the last ten of them slower."""
    store = open_store(str(place), create=True)
    for number, values in story(30, slower=1.5, since=20):
        write(store, batches(number, values))
    return store


@contextlib.contextmanager
def served(place, *words, environment=None):
    """Give the address of a running `serve`, and the process."""
    command = [
        sys.executable,
        "-m",
        "ledger_cli.main",
        "serve",
        "--port",
        "0",
        "--every",
        "0.2",
        "--ledger",
        str(place),
    ]
    with subprocess.Popen(
        [*command, *words], stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {})
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            assert " shows the ledger" in line, line + process.stderr.read()
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield line.split()[0], process
        finally:
            process.kill()


def asked(address, path="/", method="GET", **headers):
    """Return status, headers and body of an answer."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def files_of(place: Path):
    return {str(path.relative_to(place)): path.stat().st_size for path in place.rglob("*") if path.is_file()}


def test_the_page_says_what_trend_and_gate_say(command, ledger, place):
    done = command("report", "-o", "out/report.html")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("out/report.html: ")
    data = data_of(Path("out/report.html").read_text())
    trend = command("trend", "--format", "json").json
    assert [(one["asset"], one["metric"], one["heading"], one["standing"]) for one in data["charts"]] == [
        (one["asset"], one["metric"], one["heading"], one["standing"]) for one in trend["series"]
    ]
    gate = command("gate", "--no-record", "--format", "json").json
    (told,) = data["gates"]
    assert (told["outcome"], told["sentence"]) == (gate["outcome"], gate["sentence"])
    assert data["readiness"]["ready"] is None
    assert data["readiness"]["why"]


def test_the_same_as_markdown_json_and_csv(command, ledger):
    document = command("report", "--format", "json").json
    rows = list(csv.DictReader(io.StringIO(command("report", "--format", "csv").out)))
    assert [row["series_id"] for row in rows] == [one["series_id"] for one in document["charts"]]
    assert [len(one["points"]) for one in document["charts"]] == [30] * len(rows)
    written = command("report", "--format", "markdown", "--asset", "loaded", "--metric", "duration_s").out
    assert "| <code>loaded</code> | <code>duration_s</code> | step | +4" in written
    assert "published" not in written.partition("## Trends")[2]


def test_what_was_accepted_is_drawn_where_the_gate_draws_the_line(command, ledger):
    assert command("baseline", "propose", "--last", "5", "--until", "2026-11-01T15:00:00+00:00", "--reason", "first",
                   "--write").code == 0  # fmt: skip
    document = command("report", "--format", "json").json
    charts = {(one["asset"], one["metric"]): one for one in document["charts"]}
    loaded, rate = charts["loaded", "duration_s"], charts["matched", "match_rate"]
    assert loaded["accepted"]["limit"] == pytest.approx(loaded["accepted"]["median"] * 1.1)
    assert rate["accepted"]["limit"] == pytest.approx(rate["accepted"]["median"] - 0.02)
    assert loaded["finding"]["state"] == "regressed"
    assert loaded["finding"]["baseline_value"] == pytest.approx(loaded["accepted"]["median"])
    assert command("gate").code == 1
    marked = {(one["asset"], one["metric"]): one for one in command("report", "--format", "json").json["charts"]}
    assert marked["loaded", "duration_s"]["marks"][-1]["run_id"] == "run-029"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--last", "5", "--days", "3"), "give one of them"),
        (("--asset", "loded"), "did you mean 'loaded'"),
        (("--job", "jab"), "did you mean 'job'"),
        (("--format", "pdf"), "'pdf' is not one of"),
    ],
)
def test_wrong_words_are_told_in_one_sentence(command, ledger, words, sentence):
    done = command("report", *words)
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_where_it_cannot_be_written_or_there_is_nothing(command, ledger, place):
    place.with_name("file").write_text("")
    done = command("report", "-o", "file/report.html")
    assert (done.code, done.err.count("\n")) == (5, 1)
    assert command("report", ledger=place.with_name("none")).code == 2


def test_an_empty_ledger_is_a_report_without_charts(command, place):
    open_store(str(place), create=True)
    assert command("report", "-o", "report.html").code == 0
    assert data_of(Path("report.html").read_text())["charts"] == []


def test_others_read_and_nobody_writes(ledger, place):
    before = files_of(place)
    with served(place) as (address, _):
        status, headers, body = asked(address)
        assert status == 200
        assert "connect-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert data_of(body.decode())["charts"] == json.loads(asked(address, "/data")[2])["charts"]
        assert json.loads(asked(address, "/report.json")[2])["schema"] == 1
        assert asked(address, "/report.md")[2].startswith(b"# ")
        assert asked(address, method="HEAD")[2] == b""
        for method in ("POST", "PUT", "DELETE"):
            assert asked(address, method=method)[0] == 405
        assert asked(address, "/etc/passwd")[0] == 404
        assert asked(address, host="evil.example")[0] == 421
        assert asked(address, host="localhost")[0] == 200
    assert files_of(place) == before


def test_a_token_is_asked_for_by_whoever_listens_beyond_the_machine(command, ledger, place):
    refused = command("serve", "--host", ANYWHERE, "--port", "0")
    assert refused.code == 2
    assert "--token-file" in refused.err
    Path("short").write_text("short\n")
    assert command("serve", "--token-file", "short", "--port", "0").code == 2
    Path("token").write_text(SHOWN + "\n")
    words = ("--host", ANYWHERE, "--token-file", "token", "--allow-host", "ledger.example.org")
    with served(place, *words) as (address, _):
        here = address.replace(ANYWHERE, "127.0.0.1")
        for path in ("/", "/data", "/progress", "/report.json"):
            assert asked(here, path)[0] == 401
            assert asked(here, path, authorization=f"Bearer {SHOWN}")[0] == 200
        assert asked(here, host="ledger.example.org", authorization=f"Bearer {SHOWN}")[0] == 200
        assert asked(here, host="evil.example", authorization=f"Bearer {SHOWN}")[0] == 421
        status, headers, _ = asked(here, f"/?token={SHOWN}")
        assert (status, headers["Location"]) == (303, "/")
        assert asked(here, cookie=headers["Set-Cookie"].partition(";")[0])[0] == 200


def test_a_port_that_is_taken_is_told(command, ledger, place):
    with served(place) as (address, _):
        done = command("serve", "--port", str(urlsplit(address).port))
        assert (done.code, done.err.count("\n")) == (5, 1)
        assert "choose another" in done.err


def until(look, found, limit=600):
    """Ask again until something is found; fail where it never is."""
    pause = threading.Event()
    for _ in range(limit):
        answer = look()
        if found(answer):
            return answer
        pause.wait(0.1)
    raise AssertionError(answer)


def test_the_view_follows_a_run_and_the_ledger(ledger, place):
    now, run_id = utc_now(), "99999999-now"
    with served(place) as (address, _):

        def progress():
            return json.loads(asked(address, "/progress")[2])

        first = progress()
        assert first["runs"] == []
        planned = ("loaded", "matched")
        StreamRecorder(ledger, run_stream(run_id)).record(
            RunStarted(run_id=run_id, job="job", launcher="cli", planned_assets=planned, tags={})
        )
        recorder = StreamRecorder(ledger, asset_stream("loaded", run_id, None, 0))
        recorder.record(AssetStarted(asset="loaded", run_id=run_id, output_assets=("loaded",), host="h", pid=1))
        recorder.record(ProgressReported(asset="loaded", run_id=run_id, value=250.0, total=1000.0, eta_s=30.0))
        told = until(progress, lambda answer: answer["runs"] and answer["runs"][0]["assets"][0]["done"] is not None)
        (run,) = told["runs"]
        (asset,) = run["assets"]
        assert (asset["asset"], asset["status"], asset["done"], asset["total"], asset["eta_s"]) == (
            "loaded", "running", 250.0, 1000.0, 30.0)  # fmt: skip
        assert run["waiting"] == ["matched"]
        number, values = story(31)[30]
        write(ledger, batches(number, values, began=now - timedelta(hours=number)))
        data = until(lambda: json.loads(asked(address, "/data")[2]), lambda found: "run-030" in found["runs"]["id"])
        assert len(data["charts"][0]["values"]) == 31
        until(progress, lambda answer: answer["report"] != first["report"])


def test_a_killed_reader_leaves_the_server_standing(ledger, place):
    with served(place) as (address, process):
        for _ in range(20):
            where = urlsplit(address)
            connection = http.client.HTTPConnection(where.hostname, where.port)
            connection.request("GET", "/")
            connection.close()
        assert asked(address)[0] == 200
        assert process.poll() is None


def test_names_that_break_terminals_are_data(command, recorded):
    data = command("report", "--format", "json", "--metric", "duration_s").json
    assert any("\x1b" in one["asset"] for one in data["charts"])
    assert "\x1b" not in command("report", "--format", "markdown").out
    assert GOOD in {run["run_id"] for run in data["runs"]}
