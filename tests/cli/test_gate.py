"""The gate as CI calls it: its verdicts, exit codes and bytes, in every state that is documented."""

import json
import os
import random
import subprocess
import sys
from importlib.resources import files

import jsonschema
import pytest

from ledger.store import open_store
from tests.judged import LARGE, batches, story, write

SCHEMA = json.loads((files("ledger.report") / "gate.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
AGAINST_RUNS = ("--baseline", "last:20")


@pytest.fixture
def fill(place):
    """Write runs into the test's ledger."""

    def add(runs, **more):
        store = open_store(str(place), create=True)
        for number, values in runs:
            write(store, batches(number, values, **more))

    return add


def each(runs, change):
    """Return runs whose values are what a function makes of them."""
    return [
        (number, {asset: {metric: change(number, metric, value) for metric, value in values.items()}
                  for asset, values in assets.items()})
        for number, assets in runs
    ]  # fmt: skip


def test_a_clean_gate_passes_and_certifies(command, fill):
    fill(story(25))
    said = command("gate", *AGAINST_RUNS)
    assert said.code == 0
    assert said.out.splitlines()[-1] == "PASS: judged 10 of 10"
    assert "certified: no regression above" in said.out


def test_a_regression_fails_and_is_told_first(command, fill):
    fill(story(25, slower=1.4, since=20))
    said = command("gate", *AGAINST_RUNS)
    assert said.code == 1
    lines = said.out.splitlines()
    assert lines[1].startswith("regressed (critical)  loaded")
    assert lines[-1] == "FAIL: judged 10 of 10; 2 regressed"
    brief = command("gate", *AGAINST_RUNS, "--brief", "--no-record")
    assert "published" not in brief.out


def test_the_document_keeps_to_its_schema(command, fill):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    fill(story(25, slower=1.4, since=20))
    for words in (AGAINST_RUNS, (), ("--last", "1", *AGAINST_RUNS)):
        found = command("gate", *words, "--format", "json").json
        assert list(VALIDATOR.iter_errors(found)) == []
    assert found["outcome"] == "INCONCLUSIVE"


def test_a_regression_becomes_an_alert_that_is_shown_and_acknowledged(command, fill):
    fill(story(25, slower=1.4, since=20))
    command("gate", *AGAINST_RUNS)
    command("gate", *AGAINST_RUNS)
    shown = command("show", "run-024", "--format", "json").json
    assert sorted((row["asset"], row["metric"], row["severity"]) for row in shown["alerts"]) == [
        ("loaded", metric, "critical") for metric in ("cpu_s", "duration_s")
    ]
    alert = shown["alerts"][0]
    assert "regressed from" in alert["message"]
    assert "%" in alert["message"]
    done = command("ack", alert["alert_id"][:8], "--reason", "known", "--owner", "data", "--for", "2d")
    assert done.code == 0


def test_no_record_leaves_the_ledger_as_it_was(command, fill, place):
    fill(story(25, slower=1.4, since=20))
    before = sorted(path.name for path in place.rglob("*.parquet"))
    assert command("gate", *AGAINST_RUNS, "--no-record").code == 1
    assert sorted(path.name for path in place.rglob("*.parquet")) == before


STATES = {
    "one run": (story(21), {}, ("--last", "1", *AGAINST_RUNS), 3, "one"),
    "no baseline": (story(5), {}, (), 3, "no baseline; propose one"),
    "zero variance, all equal": (each(story(25), lambda _, metric, value: 7.0 if metric.endswith("_s") else value),
                                 {}, AGAINST_RUNS, 0, "PASS"),
    "zero variance, changed": (
        each(story(25), lambda number, metric, value: (9.0 if number >= 20 else 7.0) if metric == "cpu_s" else value),
        {}, AGAINST_RUNS, 1, "regressed"),
    "negative": (each(story(25), lambda number, metric, value: -value if number == 24 else value),
                 {}, AGAINST_RUNS, 3, "below zero"),
    "one process": (story(25), {"ticks": 1}, AGAINST_RUNS, 3, "share a process"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_exit_code(command, fill, state):
    runs, more, words, code, told = STATES[state]
    fill(runs, **more)
    said = command("gate", *words)
    assert (said.code, said.err) == (code, "")
    assert told in said.out


def test_another_machine_is_no_baseline(command, fill):
    fill(story(20))
    fill(story(5, first=20), machine=LARGE)
    said = command("gate", *AGAINST_RUNS)
    assert said.code == 3
    assert "other machine: AMD EPYC 4 cores instead of 2 cores" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--job", "jobb"), "did you mean 'job'"),
        (("--candidate", "nobody"), "there is no run 'nobody'"),
        (("--candidate", "latest", "--last", "2"), "--candidate names the runs already"),
        (("--baseline", "main"), "names no baseline"),
        (("--baseline", "files:nowhere"), "there is no directory 'nowhere'"),
        (("--baseline", "ref:nowhere"), "git knows no commit"),
        (("--asset", "loadet"), "did you mean 'loaded'"),
        (("--require", "loaded"), "is no asset:metric"),
        (("--set", "regression.limits.tme=0.1"), "regression.limits.tme"),
        (("--set", "regression.critical_from=0.5"), "must not be below"),
        (("--since", "2030-01-01"), "there are no successful runs since 2030"),
    ],
)
def test_wrong_words_are_wrong_usage(command, fill, words, told):
    fill(story(3))
    said = command("gate", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_ledger_without_runs_has_no_candidates(command, place):
    open_store(str(place), create=True)
    said = command("gate")
    assert said.code == 2
    assert "make some with `dagster-ledger run --runs 5`" in said.err


def test_who_wants_more_than_failures_to_fail_says_so(command, fill):
    fill(story(21))
    one = ("gate", "--last", "1", *AGAINST_RUNS)
    assert command(*one).code == 3
    assert command(*one, "--fail-on", "inconclusive").code == 1
    assert command(*one, "--exit-zero").code == 0
    assert command("gate", *AGAINST_RUNS, "--last", "5", "--require", "loaded:recall").code == 1


def test_limits_are_settings(command, fill):
    fill(story(25, slower=1.4, since=20))
    lenient = ("--set", "regression.limits.time=0.8")
    assert command("gate", *AGAINST_RUNS, *lenient).code == 0
    assert command("gate", *AGAINST_RUNS).code == 1


def test_propose_show_and_gate_go_together(command, fill, tmp_path):
    fill(story(20))
    described = command("baseline", "propose", "--reason", "first")
    assert described.code == 0
    assert "3 files would be written" in described.out
    assert not (tmp_path / "baselines").exists()
    assert command("baseline", "show").out == "no baselines\n"
    written = command("baseline", "propose", "--reason", "first", "--write")
    assert written.out.count("written: baselines/amd-epyc-2-cores-8-gib-class-linux-python-3.11/") == 3
    assert {row["reason"] for row in command("baseline", "show", "loaded", "--format", "json").json} == {"first"}
    fill(story(5, first=20, seed=11))
    assert command("gate").code == 0
    fill(story(5, first=25, slower=1.5, since=25, seed=12))
    assert command("gate").code == 1
    refused = command("baseline", "propose", "--last", "5", "--reason", "it is so", "--write")
    assert refused.code == 2
    assert "would be loosened" in refused.err
    assert command("baseline", "propose", "--last", "5", "--reason", "agreed", "--loosen", "--write").code == 0
    edited = next((tmp_path / "baselines").rglob("loaded.json"))
    edited.write_text(edited.read_text().replace('"value": "1', '"value": "2', 1))
    said = command("gate")
    assert said.code == 4
    assert "loaded.json:" in said.err


def test_explain_gives_the_ladder(command, fill):
    fill(story(25, slower=1.4, since=20))
    said = command("explain", "loaded", "duration_s", *AGAINST_RUNS)
    assert said.code == 0
    assert said.out.startswith("loaded duration_s: regressed (critical)\n")
    for step in ("1. comparable", "2. size", "3. change", "4. test", "5. severity", "6. answer", "candidate: 5 runs"):
        assert step in said.out
    document = command("explain", "loaded", "duration_s", *AGAINST_RUNS, "--format", "json").json
    assert [row["run_id"] for row in document["sides"]["candidate"]] == [f"run-{number:03}" for number in range(20, 25)]
    wrong = command("explain", "loaded", "durations_s", *AGAINST_RUNS)
    assert (wrong.code, "did you mean 'duration_s'" in wrong.err) == (2, True)


def test_confirm_has_nothing_to_do_after_a_clean_gate(command, fill):
    fill(story(25))
    none = command("confirm")
    assert none.code == 2
    assert "run `dagster-ledger gate` first" in none.err
    command("gate", *AGAINST_RUNS)
    said = command("confirm")
    assert said.code == 0
    assert "nothing to confirm" in said.out


def test_the_same_question_has_the_same_bytes_however_the_ledger_is_kept(command, fill, place, tmp_path):
    runs = story(25, slower=1.4, since=20)
    fill(runs)
    words = ("gate", *AGAINST_RUNS, "--format", "json", "--no-record")
    expected = command(*words).out
    shuffled = [batch for number, values in runs for batch in batches(number, values)]
    first = [batch for batch in shuffled if batch.number == 0]
    random.Random(2).shuffle(first)
    other = tmp_path / "other"
    write(open_store(str(other), create=True), [*first, *(batch for batch in shuffled if batch.number > 0)])
    assert command(*words, "--ledger", str(other), ledger=None).out == expected
    assert command("ledger", "compact").code == 0
    assert command(*words).out == expected
    done = subprocess.run(
        [sys.executable, "-m", "ledger_cli.main", *words, "--ledger", str(place)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.stdout == expected
