"""The gate from question to answer: baselines of files, refs and runs; what is recorded of it."""

import subprocess
from dataclasses import replace

import pytest

from ledger.baselines import read
from ledger.baselines import write as write_baseline
from ledger.errors import ConfigurationError
from ledger.events import AlertRaised, VerdictReached
from ledger.events.codec import from_table
from ledger.metrics import BUILT_IN
from ledger.projections.alerts import alerts
from ledger.report.gate import document
from ledger.report.json import dump
from ledger.service.baselines import accepted
from ledger.service.baselines.proposing import Proposal, propose, save
from ledger.service.gate.baseline_words import parse_baseline
from ledger.service.gate.regression import Question, ask
from ledger.service.gate.verdicts import latest, record, suspects
from ledger.service.reading.choosing import CONFIRMS_TAG, Choice
from ledger.settings import RegressionSettings
from ledger.store.memory import MemoryStore
from tests.judged import LARGE, batches, story, write

SETTINGS = RegressionSettings()


@pytest.fixture
def store():
    """Twenty runs, then five of which one asset takes 40 % longer."""
    found = MemoryStore()
    for number, values in story(25, slower=1.4, since=20):
        write(found, batches(number, values))
    return found


def asked(store, project, baseline="last:20", **more):
    question = Question(candidate=more.pop("candidate", Choice(last=5)), baseline=parse_baseline(baseline), **more)
    return ask(store.view(), question, SETTINGS, BUILT_IN, project)


def accept(store, project, choice, **more):
    proposal = Proposal(choice=choice, reason="what it takes", **more)
    known = accepted.from_directory(project / "baselines")
    proposed = propose(store.view(), proposal, known, SETTINGS, BUILT_IN)
    save(proposed, project / "baselines")
    return proposed


def states(answer):
    return {(one.asset, one.metric): one.state for one in answer.assessment.findings}


FIRST_20 = Choice(names=tuple(f"run-{number:03}" for number in range(20)))


def test_what_got_slower_is_told_first_and_the_rest_is_certified(store, tmp_path):
    answer = asked(store, tmp_path)
    assert answer.verdict.outcome == "FAIL"
    worst, *_, best = answer.worst_first()
    assert (worst.asset, worst.metric, worst.state) == ("loaded", "duration_s", "regressed")
    assert best.state == "ok"
    assert states(answer)["matched", "match_rate"] == "ok"


def test_files_and_the_runs_they_were_made_of_answer_alike(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    by_files, by_runs = asked(store, tmp_path, "files"), asked(store, tmp_path)
    assert states(by_files) == states(by_runs)
    assert by_files.verdict.sentence == by_runs.verdict.sentence


def test_a_ref_is_held_against_whatever_the_working_tree_says(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "accepted")):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)
    for path in (tmp_path / "baselines").rglob("*.json"):
        path.unlink()
    assert asked(store, tmp_path, "ref:HEAD").verdict.outcome == "FAIL"
    assert asked(store, tmp_path, "files").verdict.outcome == "INCONCLUSIVE"
    with pytest.raises(ConfigurationError, match="git knows no commit 'nowhere'"):
        asked(store, tmp_path, "ref:nowhere")


def test_a_file_says_which_metrics_are_judged(store, tmp_path):
    accept(store, tmp_path, FIRST_20, assets=("loaded",), metrics=("cpu_s",))
    found = states(asked(store, tmp_path, "files"))
    assert found["loaded", "cpu_s"] == "regressed"
    assert ("loaded", "duration_s") not in found
    assert found["published", "cpu_s"] == "not_comparable"


def test_a_baseline_of_another_machine_is_named_and_never_a_pass(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    for number, values in story(5, first=30):
        write(store, batches(number, values, machine=LARGE))
    answer = asked(store, tmp_path, "files")
    assert answer.verdict.outcome == "INCONCLUSIVE"
    assert {one.reasons[0] for one in answer.assessment.findings} == {
        "other machine: AMD EPYC 4 cores instead of 2 cores"
    }


@pytest.mark.parametrize("baseline", ["files", "last:20"])
def test_half_a_run_is_no_pass(tmp_path, baseline):
    store = MemoryStore()
    for number, values in story(25):
        write(store, batches(number, {"loaded": values["loaded"]} if number >= 20 else values))
    accept(store, tmp_path, FIRST_20)
    answer = asked(store, tmp_path, baseline)
    assert answer.verdict.outcome == "INCONCLUSIVE"
    found = states(answer)
    assert found["loaded", "duration_s"] == "ok"
    assert found["published", "duration_s"] == "not_comparable"
    assert "7 not comparable: not made by the candidate runs" in answer.verdict.sentence
    assert asked(store, tmp_path, baseline, assets=("loaded",)).verdict.outcome == "PASS"


def test_runs_that_confirm_are_taken_only_where_they_are_named(store, tmp_path):
    for number, values in story(5, first=30):
        write(store, batches(number, {"loaded": values["loaded"]}, tags={CONFIRMS_TAG: "it"}))
    assert asked(store, tmp_path).candidate_run_ids == tuple(f"run-{number:03}" for number in range(20, 25))
    named = Choice(names=tuple(f"run-{number:03}" for number in range(30, 35)))
    assert asked(store, tmp_path, candidate=named).candidate_run_ids == named.names


def test_candidates_cannot_witness_for_themselves(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    answer = asked(store, tmp_path, "files", candidate=Choice(names=FIRST_20.names[-5:]))
    assert answer.verdict.outcome == "INCONCLUSIVE"
    assert all("in the baseline itself" in one.reasons[0] for one in answer.assessment.findings)


def test_a_file_that_turns_a_direction_round_is_refused(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    (path,) = (tmp_path / "baselines").rglob("matched.json")
    held = read(path.read_bytes(), "matched.json")
    turned = [
        replace(entry, direction="lower_is_better") if entry.metric == "match_rate" else entry for entry in held.metrics
    ]
    path.write_text(write_baseline(replace(held, metrics=tuple(turned))))
    answer = asked(store, tmp_path, "files", metrics=("match_rate",))
    assert answer.assessment.findings[0].reasons[0].startswith("other direction: declared is higher_is_better")
    assert answer.verdict.outcome == "INCONCLUSIVE"


def test_a_file_that_was_moved_is_refused(store, tmp_path):
    accept(store, tmp_path, FIRST_20)
    (path,) = (tmp_path / "baselines").rglob("loaded.json")
    path.rename(path.with_name("published.json"))
    with pytest.raises(ConfigurationError, match="belongs at"):
        asked(store, tmp_path, "files")


def test_what_is_required_and_was_not_measured_fails(store, tmp_path):
    answer = asked(store, tmp_path, require=("published:duration_s", "published:recall"))
    assert answer.verdict.missing == ("published recall",)
    assert answer.verdict.outcome == "FAIL"
    assert {one.metric for one in answer.assessment.findings if one.required} == {"duration_s"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"assets": ("loadet",)}, "did you mean 'loaded'"),
        ({"metrics": ("duration",)}, "did you mean 'duration_s'"),
        ({"require": ("loaded",)}, "is no asset:metric"),
    ],
)
def test_a_wrong_name_is_no_clean_gate(store, tmp_path, more, told):
    with pytest.raises(ConfigurationError, match=told):
        asked(store, tmp_path, **more)


def test_a_verdict_is_recorded_once_with_an_alert_for_each_regression(store, tmp_path):
    answer = asked(store, tmp_path)
    assert record(store, answer) == record(store, answer)
    events = [entry.event for entry in from_table(store.read())]
    (verdict,) = [event for event in events if isinstance(event, VerdictReached)]
    raised = [event for event in events if isinstance(event, AlertRaised)]
    assert verdict.outcome == "FAIL"
    assert [event.metric for event in raised] == [
        one.metric for one in answer.worst_first() if one.state == "regressed"
    ]
    first = raised[0]
    assert (first.run_id, first.asset, first.severity) == ("run-024", "loaded", answer.worst_first()[0].severity)
    assert first.change_ratio == pytest.approx(0.4, abs=0.05)
    assert first.delta == pytest.approx(4.0, abs=0.5)


def test_another_gate_over_the_same_runs_raises_no_second_alert(store, tmp_path):
    record(store, asked(store, tmp_path))
    record(store, asked(store, tmp_path, "last:12"))
    rows = alerts(store.read())
    assert rows.num_rows == len({*rows.column("alert_id").to_pylist()}) == 2


def test_the_suspects_of_the_last_gate_are_found_again(store, tmp_path):
    with pytest.raises(ConfigurationError, match="run `dagster-ledger gate` first"):
        latest(store.view())
    answer = asked(store, tmp_path)
    record(store, answer)
    record(store, asked(store, tmp_path, candidate=Choice(last=4)), confirms="it")
    found = latest(store.view(), "job")
    assert found.event.candidate_run_ids == answer.candidate_run_ids
    assert {(one.asset, one.metric) for one in suspects(found.event)} == {("loaded", "cpu_s"), ("loaded", "duration_s")}


def test_a_recorded_verdict_does_not_change_the_answer(store, tmp_path):
    before = dump(document(asked(store, tmp_path)))
    record(store, asked(store, tmp_path))
    assert dump(document(asked(store, tmp_path))) == before
