"""``trend``: what it says in each format, what it records, and the query that it prints."""

import csv
import io
import json
import re

import duckdb
import pytest

from ledger.store import open_store
from tests.cli.conftest import program
from tests.pasts import commit_name, noisy, past, run_name, stepped


@pytest.fixture
def store(place):
    found = open_store(str(place), create=True)
    past(found, {"duration_s": stepped(30, 30, ratio=1.25), "match_rate": [0.9] * 60})
    return found


def test_a_table_tells_the_worst_first_and_each_change_with_runs_and_commits(store, command):
    said = command("trend")
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0] == "last 100 runs of each job: 1 getting worse, 1 flat"
    assert lines[3].split()[:3] == ["orders", "duration_s", "step"]
    assert lines[4].split()[:3] == ["orders", "match_rate", "flat"]
    (change,) = [line for line in lines if line.startswith("orders duration_s: +")]
    assert re.search(r"\+2\d\.\d% \[\+\d\d\.\d%, \+\d\d\.\d%\], .* from run 000000(1e|1d|1f) on \(2026-01-0", change)
    assert re.search(r"commits 00000003 after 00000002|within runs 0000001e to", change)
    assert re.search(r"p = \de-\d+, separation 100%", change)
    assert "1 change not in the ledger as told here; keep them with `dagster-ledger trend --record`" in said.out


def test_formats_agree(store, command):
    report = command("trend", "--format", "json").json
    rows = list(csv.DictReader(io.StringIO(command("trend", "--format", "csv").out)))
    assert [(row["asset"], row["metric"], row["heading"]) for row in rows] == [
        (series["asset"], series["metric"], series["heading"]) for series in report["series"]
    ]
    assert rows[0]["last_change_run_id"] == report["series"][0]["changes"][0]["run_id"]
    assert float(rows[0]["change_ratio"]) == report["series"][0]["change_ratio"]
    assert report["window"] == "last 100 runs of each job"


def test_recording_is_said_and_is_done_once(store, command):
    assert "1 event recorded" in command("trend", "--record").out
    again = command("trend", "--record")
    assert "recorded" not in again.out
    assert command("trend", "--format", "json").json["series"][0]["changes"][0]["recorded"] is True
    assert command("events", "--kind", "change_point_found", "--format", "json").out.count("\n") == 1


def test_filters_and_windows_narrow(store, command):
    assert [s["metric"] for s in command("trend", "--metric", "match_rate", "--format", "json").json["series"]] == [
        "match_rate"
    ]
    assert {s["runs"] for s in command("trend", "--last", "20", "--format", "json").json["series"]} == {20}
    assert {s["runs"] for s in command("trend", "--days", "1", "--format", "json").json["series"]} == {25}
    assert command("trend", "--job", "nightly", "--asset", "orders").code == 0


def test_an_output_without_blocks_gets_ascii(store, place):
    done = program("trend", "--ledger", str(place), PYTHONIOENCODING="ascii:backslashreplace", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert re.search(r"[_.,\-~=+#]{20}", done.stdout)
    assert "\\u2581" not in done.stdout


def test_another_process_gives_the_same_bytes(store, command, place):
    own = command("trend", "--format", "json").out
    store.compact(grace_s=0.0)
    assert program("trend", "--format", "json", "--ledger", str(place)).stdout == own


@pytest.mark.parametrize("words", [(), ("--last", "7"), ("--days", "0.5"), ("--metric", "duration_s", "--last", "9")])
@pytest.mark.parametrize("compacted", [False, True])
def test_the_query_gives_the_values_of_the_report(store, command, words, compacted):
    past(store, noisy(9), asset="it's", job="o'clock", offset_minutes=7)
    if compacted:
        store.compact(grace_s=3600.0)
        past(store, [1.0, 2.0], first=60)
    answer = duckdb.sql(command("trend", "--sql", *words).out)
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        found.setdefault((row["asset"], row["metric"]), []).append(row["value"])
    report = command("trend", "--format", "json", *words).json
    assert found == {(series["asset"], series["metric"]): series["values"] for series in report["series"]}
    assert {row["code_version"] for row in rows} <= {commit_name(10 * number) for number in range(7)}
    assert {json.loads(row["machine_class"])["cores"] for row in rows} == {2.0}


def test_the_query_narrows_to_a_job_with_a_quote_in_its_name(store, command):
    past(store, noisy(9), asset="it's", job="o'clock", offset_minutes=7)
    answer = duckdb.sql(command("trend", "--sql", "--job", "o'clock", "--asset", "it's", "--last", "2").out)
    assert [row[6] for row in answer.fetchall()] == [run_name(7, "o'clock"), run_name(8, "o'clock")]


def test_an_empty_ledger_has_no_histories(place, command):
    open_store(str(place), create=True)
    said = command("trend")
    assert (said.code, said.out) == (0, "no histories\n")
    assert command("trend", "--format", "json").json["series"] == []
    query = command("trend", "--sql")
    assert query.code == 2
    assert "has no files" in query.err


def test_one_run_is_said_to_be_too_little(place, command):
    past(open_store(str(place), create=True), [3.0])
    said = command("trend")
    assert said.code == 0
    assert "1 undecided" in said.out
    assert "values are too few" in command("trend", "--format", "json").json["series"][0]["reasons"][0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--last", "5", "--days", "1"), "--last and --days both tell the window"),
        (("--sql", "--record"), "--sql only prints a query"),
        (("--last", "0"), "0 is not in the range"),
        (("--days", "0"), "0.0 is not in the range"),
        (("--metric", "duration"), "duration"),
        (("--job", "nihgtly"), "did you mean 'nightly'?"),
    ],
)
def test_a_wrong_word_gets_one_sentence_and_code_2(store, command, words, sentence):
    said = command("trend", *words)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_hostile_names_reach_no_terminal(place, command):
    past(open_store(str(place), create=True), stepped(20, 20, ratio=1.5), asset="=cmd\x1b[31m")
    said = command("trend").out
    assert "changes of level" in said
    assert "\x1b" not in said
