"""The commands that read a ledger: what they give, in every format, and what they say to wrong names."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from ledger.store import open_store
from tests.cli.conftest import BAD, GOOD, HOSTILE, begin, leave_lost, opened


def test_show_lists_the_runs_oldest_first(recorded, command):
    said = command("show")
    lines = said.out.splitlines()
    assert said.code == 0
    assert [line.split()[0] for line in lines[1:]] == [name[:8] for name in (GOOD, BAD, HOSTILE)]
    assert "failed" in lines[2]


def test_show_narrows_by_number_and_status(recorded, command):
    assert [row["run_id"] for row in command("show", "--last", "1", "--format", "json").json] == [HOSTILE]
    assert [row["run_id"] for row in command("show", "--status", "failed", "--format", "json").json] == [BAD]


@pytest.mark.parametrize("name", [GOOD, "1111", GOOD[:8]])
def test_a_run_is_found_by_the_beginning_of_its_id(recorded, command, name):
    story = command("show", name, "--format", "json").json
    assert story["run"]["run_id"] == GOOD
    assert {row["asset"] for row in story["assets"]} == {"companies", "profile"}
    assert story["assets"][0]["match_rate"] == 0.75
    assert story["checks"][0]["check"] == "match_rate_holds"
    assert story["alerts"][0]["message"] == "match rate is low"
    assert story["breakdowns"][0]["counts"] == {"cusip": 600.0, "name": 150.0, "none": 250.0}
    assert story["configuration"]["sources"] == {"chunk_size": "--set"}


def test_the_story_of_a_run_names_what_was_measured_checked_and_alerted(recorded, command):
    said = command("show", GOOD).out
    for word in ("0.7500", "1,000", "match_rate_holds", "match rate is low", "cusip 600, none 250, name 150"):
        assert word in said


def test_a_failure_keeps_its_context_and_its_traceback_on_request(recorded, command):
    short, long = command("show", BAD).out, command("show", BAD, "--traceback").out
    assert "ValueError: row 17 has no name" in short
    assert "row_range: 0-500" in short
    assert "Traceback" not in short.replace("--traceback", "")
    assert "ValueError: row 17 has no name" in long


def test_latest_is_the_run_that_began_last(recorded, command):
    assert command("show", "latest", "--format", "json").json["run"]["run_id"] == HOSTILE


def test_samples_agree_in_every_format(recorded, command, tmp_path):
    rows = command("samples", "--metric", "match_rate", "--format", "json").json
    assert [(row["asset"], row["metric"], row["value"], row["unit"]) for row in rows] == [
        ("companies", "match_rate", 0.75, "ratio")
    ]
    (from_csv,) = csv.DictReader(io.StringIO(command("samples", "--metric", "match_rate", "--format", "csv").out))
    assert (from_csv["asset"], float(from_csv["value"])) == ("companies", 0.75)
    target = tmp_path / "samples.parquet"
    assert command("samples", "--metric", "match_rate", "--format", "parquet", "-o", str(target)).code == 0
    assert pq.read_table(target).column("value").to_pylist() == [0.75]
    assert "0.75" in command("samples", "--metric", "match_rate").out


def test_samples_leave_failed_attempts_out_unless_asked(recorded, command):
    runs = {row["run_id"] for row in command("samples", "--format", "json").json}
    every = {row["run_id"] for row in command("samples", "--all-attempts", "--format", "json").json}
    assert runs == {GOOD, HOSTILE}
    assert every == {GOOD, BAD, HOSTILE}


def test_events_come_in_order_one_object_per_line(recorded, command):
    rows = [json.loads(line) for line in command("events", "--format", "json").out.splitlines()]
    assert rows[0]["kind"] == "run_started"
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)
    assert len(rows) == recorded.stats().events


def test_events_are_narrowed_by_kind_run_asset_and_number(recorded, command):
    lines = command("events", "--kind", "asset_finished", "--run", GOOD, "--asset", "profile").out.splitlines()
    assert len(lines) == 1
    assert "profile" in lines[0]
    assert len(command("events", "--last", "3").out.splitlines()) == 3


def test_nothing_a_name_holds_reaches_the_terminal_as_a_command(recorded, command):
    for words in (("show", HOSTILE), ("show",), ("samples",), ("events",), ("ledger", "stats")):
        assert "\x1b" not in command(*words).out


def test_stats_count_events_streams_and_bytes(recorded, command, place):
    found = command("ledger", "stats", "--format", "json").json
    files = list((place / "loose").glob("*.parquet"))
    assert (found["batches"], found["stored_bytes"]) == (len(files), sum(file.stat().st_size for file in files))
    assert sum(found["events_by_kind"].values()) == found["events"]
    assert f"{found['events']} in {found['batches']} appends" in command("ledger", "stats").out


def test_an_attempt_that_is_alive_is_not_closed(recorded, command, place):
    opened(recorded, "44444444-alive")
    begin(recorded, "44444444-alive", "companies")
    assert command("ledger", "reconcile").out == "nothing to close\n"
    assert command("show", "4444").err == ""


def test_a_lost_attempt_is_said_by_show_and_closed_once_by_reconcile(recorded, command):
    run_id = "55555555-gone"
    leave_lost(recorded, run_id, "companies")
    shown = command("show", run_id)
    assert "running" in shown.out
    assert "is lost: process" in shown.err
    assert "dagster-ledger ledger reconcile" in shown.err
    assert "1 would be closed" in command("ledger", "reconcile", "--dry-run").out
    assert "1 closed" in command("ledger", "reconcile").out
    again = command("show", run_id, "--format", "json")
    assert again.json["run"]["status"] == "lost"
    assert again.json["endings"][0]["context"]["step_key"] == "companies"
    assert again.err == ""
    assert command("ledger", "reconcile", "--format", "json").json == []


def test_doctor_checks_every_digest_of_a_good_ledger(recorded, command):
    said = command("doctor", "--format", "json")
    assert said.code == 0
    (ledger,) = [row for row in said.json if row["what"] == "ledger"]
    assert ledger["state"] == "ok"
    assert f"{recorded.stats().events} events" in ledger["said"]


def test_an_empty_ledger_is_no_error(place, command):

    open_store(str(place), create=True)
    assert command("show").out == "no runs\n"
    assert command("samples").out == "no samples\n"
    assert command("events").out == ""
    assert command("ledger", "stats", "--format", "json").json["events"] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "--nope"), "No such option '--nope'"),
        (("shwo",), "did you mean 'show'?"),
        (("show", "--status", "bad"), "'bad' is not one of"),
        (("show", "zzz"), "there is no run 'zzz' in the ledger"),
        (("show", ""), "is the beginning of 3 runs"),
        (("samples", "--metric", "match_rat"), "did you mean 'match_rate'?"),
        (("samples", "--asset", "company"), "did you mean 'companies'?"),
        (("events", "--kind", "asset_strted"), "did you mean 'asset_started'?"),
        (("events", "--since", "yesterday"), "neither a date"),
        (("events", "--run", "nope"), "there is no run 'nope'"),
        (("ledger", "stast"), "Did you mean 'stats'?"),
        (("run", "--tag", "novalue"), "is no key=value"),
        (("run", "--runs", "0"), "0 is not in the range"),
        (("run", "--run-config", "missing.yaml"), "does not exist"),
        (("run",), "no code location is named"),
    ],
)
def test_a_wrong_word_gets_one_sentence_and_code_2(recorded, command, words, sentence):
    said = command(*words, ledger=None) if words[0] == "shwo" else command(*words)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    "words",
    [("show",), ("show", "latest"), ("samples",), ("events",), ("ledger", "stats"), ("ledger", "reconcile")],
)
def test_a_missing_ledger_is_said_and_not_made(command, place, words):
    said = command(*words)
    assert said.code == 2
    assert f"there is no ledger at {place}; make one with `dagster-ledger run`" in said.err
    assert not place.exists()
