"""``metrics serve`` and ``metrics export`` as processes: who may ask, what they get, and while others write."""

import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as plain

from ledger.service.monitoring.serving import check_token
from ledger.store import open_store
from ledger_cli.main import main
from tests.cli.conftest import program
from tests.docs.test_documents import ROOT, blocks
from tests.monitoring.programs import fetched, free_port, metrics_server, until
from tests.monitoring.watched import JOB, PROFILE, good, worse

TOKEN = "0123456789abcdef" * 2
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def samples(text, reader=plain):
    return {
        (sample.name.removeprefix("dagster_ledger_"), *sorted(sample.labels.values())): sample.value
        for family in reader(text)
        for sample in family.samples
    }


def key(name, *labels):
    """Return under what ``samples`` has a value."""
    return (name, *sorted(labels))


@pytest.fixture
def served(project, tmp_path):
    with metrics_server(project.project, project.ledger, tmp_path / "log", free_port()) as url:
        yield url


def test_a_scrape_sees_each_run_as_soon_as_it_is_appended(served, project):
    duration = key("asset_duration_seconds", PROFILE, "loaded", JOB)
    ratio = key("regression_ratio", PROFILE, "duration_s", "loaded", JOB)
    assert samples(fetched(served)[1])[duration] == pytest.approx(10, 0.1)
    project.run(worse("loaded", duration_s=1.5))
    after = samples(fetched(served)[1])
    assert after[duration] == 15.0
    assert after[ratio] == pytest.approx(0.5, abs=0.05)
    status, text, headers = fetched(served, OPENMETRICS)
    assert (status, headers["Content-Type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert samples(text, strict)[duration] == 15.0


def test_scrapes_are_right_while_a_run_appends_and_the_ledger_is_compacted(served, project):
    done, seen, wrong = threading.Event(), [], []

    def scrape() -> None:
        while not done.is_set():
            status, text, _ = fetched(served)
            if status != 200 or "dagster_ledger_asset_duration_seconds" not in text:
                wrong.append((status, text[:300]))
            else:
                seen.append(samples(text)[key("asset_duration_seconds", PROFILE, "loaded", JOB)])

    reader = threading.Thread(target=scrape)
    reader.start()
    try:
        for number in range(12):
            project.run(worse("loaded", duration_s=2.0 + number), age=timedelta(minutes=9) - timedelta(seconds=number))
            if number % 4 == 3:
                project.say("ledger", "compact", "--quiet", "--grace", "0s")
    finally:
        done.set()
        reader.join()
    assert wrong == []
    later = [value for value in seen if value > 15.0]
    assert later == sorted(later)
    last = samples(fetched(served)[1])
    assert last[key("asset_duration_seconds", PROFILE, "loaded", JOB)] == 130.0
    fresh = samples(project.say("metrics", "export"))
    for found in (last, fresh):
        found.pop(("verified_timestamp_seconds",))
    assert last == fresh


def test_there_is_one_page_and_what_else_is_asked_is_told(served):
    base = served.removesuffix("/metrics")
    assert fetched(f"{base}/")[0] == 200
    assert fetched(f"{base}/other")[0] == 404
    assert fetched(f"{served}?x=1")[0] == 200
    assert fetched(served, data=b"x")[0] == 501
    assert fetched(served, {"Host": "evil.example"})[0] == 403


def test_nonsense_on_the_wire_stops_nobody(served):
    host, port = served.removeprefix("http://").removesuffix("/metrics").split(":")
    for junk in (b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET " + b"/" * 70_000 + b"\r\n\r\n", b""):
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(junk)
    assert fetched(served)[0] == 200


def test_with_a_token_only_who_has_it_may_ask(project, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ("--token-file", str(tmp_path / "token"))
    with metrics_server(project.project, project.ledger, tmp_path / "log", free_port(), *words) as url:
        assert fetched(url)[0] == 401
        assert fetched(url, {"Authorization": f"Bearer {TOKEN[:-1]}"})[0] == 401
        assert fetched(url, {"Authorization": f"Basic {TOKEN}"})[0] == 401
        status, text, _ = fetched(url, {"Authorization": f"Bearer {TOKEN}"})
        assert status == 200
        assert TOKEN not in text + (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - refused
        "::",
        "192.0.2.1",
        "fe80::1%eth0",
    ],
)
def test_an_address_that_others_reach_needs_a_token(host):
    with pytest.raises(Exception, match="must bring a token"):
        check_token(host, None)
    check_token(host, TOKEN)
    check_token("127.0.0.1", None)
    check_token("::1", None)


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "ä" * 20])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(token):
    with pytest.raises(Exception, match="at least 16"):
        check_token("127.0.0.1", token)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--listen", "0.0.0.0:0"), 2, "must bring a token"),
        (("--listen", "nonsense"), 2, "is no HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), 2, "is no HOST:PORT"),
        (("--listen", "no.such.host.invalid:1"), 2, "is no address"),
        (("--listen", "192.0.2.1:1", "--token-file", "token"), 5, "cannot listen"),
        (("--ledger", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(words, code, said, calm, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    ledger = () if "--ledger" in words else ("--ledger", str(calm.ledger))
    assert main(["metrics", "serve", *words, *ledger]) == code
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err


def test_an_interruption_ends_it(project, tmp_path):
    command = [sys.executable, "-m", "ledger_cli.main", "metrics", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--ledger", str(project.ledger)], cwd=project.project, stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        assert fetched(line.removeprefix("serving ").strip())[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def damage(project):
    """Change a byte in the middle of a segment or loose file; return it, and how to undo that."""
    path = max((project.ledger / "loose").iterdir(), key=lambda one: one.stat().st_size)
    data = path.read_bytes()
    place = len(data) // 3
    path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    return path, data


def test_damage_is_a_metric_and_an_exit_code(project, tmp_path):
    with metrics_server(
        project.project, project.ledger, tmp_path / "log", free_port(), "--verify-every", "0.2s"
    ) as url:
        until(lambda: samples(fetched(url)[1]).get(("integrity_ok",)) == 1.0, "the ledger was verified")
        path, data = damage(project)
        until(lambda: samples(fetched(url)[1])["integrity_ok",] == 0.0, "damage is told")
        assert samples(fetched(url)[1])[key("asset_ok", "loaded", JOB)] == 1.0
        told = project.say("metrics", "export", code=4)
        assert samples(told)["integrity_ok",] == 0.0
        path.write_bytes(data)
        until(lambda: samples(fetched(url)[1])["integrity_ok",] == 1.0, "it is told that it is whole again")


def test_export_writes_files_as_a_whole(project, tmp_path):
    place = tmp_path / "textfile"
    place.mkdir()
    (place / "dagster_ledger.prom").write_text("old")
    assert project.say("metrics", "export", "--textfile", str(place), "--openmetrics", str(tmp_path / "m.om")) == ""
    assert os.listdir(place) == ["dagster_ledger.prom"]
    text = (place / "dagster_ledger.prom").read_text()
    assert samples(text)[key("asset_ok", "loaded", JOB)] == 1.0
    assert samples((tmp_path / "m.om").read_text(), strict).keys() == samples(text).keys()
    assert (place / "dagster_ledger.prom").stat().st_mode & 0o444 == 0o444
    project.say("metrics", "export", "--textfile", str(tmp_path / "missing"), code=2)
    project.say("metrics", "export", "--history", code=2)


def test_a_baseline_file_that_cannot_be_read_leaves_the_rest_to_be_seen(project):
    path = project.project / "baselines" / PROFILE / "loaded.json"
    path.write_text("{}")
    found = samples(project.say("metrics", "export"))
    assert found[key("baseline_comparable", "loaded", JOB, PROFILE)] == 0.0
    assert found[key("baseline_comparable", "published", JOB, PROFILE)] == 1.0


def test_an_empty_ledger_has_nothing_to_tell_but_that_it_is_whole(project, tmp_path):
    open_store(str(tmp_path / "empty"), create=True)
    done = project.say("metrics", "export", "--ledger", str(tmp_path / "empty"), ledger=False)
    assert set(samples(done)) == {("integrity_ok",), ("verified_timestamp_seconds",)}


def test_good_runs_are_not_worse_than_what_was_accepted(project):
    project.run(good())
    found = samples(project.say("metrics", "export", "--no-verify"))
    ratios = [value for place, value in found.items() if place[0] == "regression_ratio"]
    assert len(ratios) >= 6
    assert max(ratios) < 0.02


@pytest.mark.slow
def test_a_run_of_dagster_whose_gate_closes_is_told_with_what_it_blocks(tmp_path, monkeypatch):
    (code,) = blocks(ROOT / "docs" / "quality-gates.md", "python")
    (tmp_path / "guide.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    refused = program("run", "-m", "guide", "--executor", "in_process", "--set", "match_rate_threshold=0.95", "-q")
    assert refused.returncode == 1
    closed = samples(program("metrics", "export").stdout)
    assert sorted(value for place, value in closed.items() if place[0] == "blocked_assets") == [1.0]
    assert 0.0 in [value for place, value in closed.items() if place[0] == "check_status"]
    assert program("run", "-m", "guide", "--executor", "in_process", "-q").returncode == 0
    opened = samples(program("metrics", "export").stdout)
    assert sorted(value for place, value in opened.items() if place[0] == "blocked_assets") == [0.0]
    assert {value for place, value in opened.items() if place[0] in {"check_status", "asset_ok"}} == {1.0}
