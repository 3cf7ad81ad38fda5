"""Comparisons: which runs, which metrics, and in words why two sides may not be compared."""

import random
from datetime import timedelta

import pytest

from ledger.errors import ConfigurationError
from ledger.metrics import BUILT_IN
from ledger.projections.circumstances import DATASET_TAG
from ledger.service.gate.comparability import Differences
from ledger.service.gate.comparing import against_runs
from ledger.service.reading.choosing import Choice, before, choose, window
from ledger.service.reading.observing import observe
from ledger.store.memory import MemoryStore
from tests.judged import BEGAN, COMMIT, LARGE, NAME_OF_SMALL, batches, story, write

JUDGED = ["cpu_s", "duration_s", "peak_increase_bytes"]


def built(*appends, last=2, **settings):
    """Return the comparisons of the last runs with all others."""
    store = MemoryStore()
    for each in appends:
        write(store, each)
    view = store.view()
    chosen = choose(view, Choice(last=last))
    candidate, earlier = observe(view, chosen.run_ids), observe(view, before(view, chosen, 100))
    run_of = {one.config_digest: key[0] for side in (candidate, earlier) for key, one in side.circumstances.items()}
    differences = Differences(view, {**earlier.machines, **candidate.machines}, run_of=run_of, **settings)
    return against_runs(candidate, earlier, differences, BUILT_IN)


def runs(count=6, **changed):
    """Return the appends of runs; what is changed is changed in the last two."""
    return [batches(number, values, **(changed if number >= count - 2 else {})) for number, values in story(count)]


def whys(found):
    return {one.not_comparable for one in found.comparisons}


def test_each_thing_is_judged_once_and_what_measuring_costs_is_not():
    found = built(*runs())
    assert [(one.asset, one.metric) for one in found.comparisons if one.asset != "matched"] == [
        (asset, metric) for asset in ("loaded", "published") for metric in JUDGED
    ]
    assert [one.metric for one in found.comparisons if one.asset == "matched"] == [
        "cpu_s", "duration_s", "match_rate", "peak_increase_bytes",
    ]  # fmt: skip
    assert whys(found) == {None}


def test_a_side_holds_what_is_known_of_each_run_in_the_order_of_the_runs():
    found = built(*runs())
    one = next(each for each in found.comparisons if each.key == ("matched", "", "match_rate"))
    assert one.candidate.run_ids == ("run-004", "run-005")
    assert one.baseline.run_ids == tuple(f"run-{number:03}" for number in range(4))
    assert one.candidate.rows == (1000.0, 1000.0)
    assert one.candidate.probe_s == (0.03, 0.03)
    assert (one.candidate.successes, one.candidate.trials) == ((900, 900), (1000, 1000))
    assert len(set(one.candidate.launch_ids) | set(one.baseline.launch_ids)) == 6
    assert (one.kind, one.direction, one.unit) == ("quality", "higher_is_better", "ratio")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"machine": LARGE}, "other machine: AMD EPYC 4 cores instead of 2 cores"),
        (
            {"machine": LARGE | {"cpu_model": "Xeon"}},
            f"other machine: Xeon, 4 cores, 8 GiB class, Linux, Python 3.11 instead of {NAME_OF_SMALL}",
        ),
        ({"software": {"pyarrow": "20.0.0"}}, "other installed packages: pyarrow 20.0.0 instead of 19.0.0"),
        ({"settings": {"chunk_size": 5}}, "other configuration: chunk_size 5 instead of 1000"),
        ({"tags": {DATASET_TAG: "may"}}, "other data set: may instead of none named"),
        ({"partition": "p"}, "no baseline for its partition; propose one with `dagster-ledger baseline propose`"),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_words(changed, why):
    assert whys(built(*runs(**changed))) == {why}


def test_other_packages_may_be_compared_where_somebody_says_so():
    assert whys(built(*runs(software={"pyarrow": "20.0.0"}), ignore_packages=True)) == {None}


def test_candidates_of_several_sets_of_packages_are_a_sample_only_where_somebody_says_so():
    appends = [
        batches(number, each, software={"pyarrow": "20.0.0" if number == 5 else "19.0.0"}) for number, each in story(6)
    ]
    assert whys(built(*appends, ignore_packages=True)) == {None}
    assert whys(built(*appends)) == {"the candidate runs are of 2 sets of installed packages; name runs of one"}


def test_earlier_runs_under_other_circumstances_are_left_out_of_the_baseline():
    values = story(8)
    appends = [
        batches(number, each, machine=LARGE if number % 2 else {**LARGE, "cores": 2.0}) for number, each in values
    ]
    found = built(*appends, last=1)
    assert whys(found) == {None}
    assert found.comparisons[0].baseline.run_ids == ("run-001", "run-003", "run-005")


def test_candidates_of_two_machines_are_no_sample():
    values = story(6)
    appends = [
        batches(number, each, machine=LARGE if number == 5 else {**LARGE, "cores": 2.0}) for number, each in values
    ]
    assert whys(built(*appends)) == {"the candidate runs are of 2 machines; name runs of one"}


def test_a_metric_that_the_candidates_lack_does_not_vanish():
    values = [(number, {"loaded": dict(each["loaded"])}) for number, each in story(6)]
    for number, each in values:
        if number >= 4:
            del each["loaded"]["duration_s"]
    found = built(*(batches(number, each) for number, each in values))
    lacking = next(one for one in found.comparisons if one.metric == "duration_s")
    assert (len(lacking.baseline.values), lacking.candidate.values) == (4, ())


def test_metrics_that_nobody_declares_are_named():
    values = [(number, {"loaded": each["loaded"] | {"own_s": 1.0}}) for number, each in story(4)]
    found = built(*(batches(number, each) for number, each in values))
    assert found.undeclared == ("own_s",)
    assert "own_s" not in {one.metric for one in found.comparisons}


def test_the_order_of_appends_changes_nothing():
    appends = [batch for each in runs() for batch in each]
    shuffled = [batch for batch in appends if batch.number == 0]
    random.Random(5).shuffle(shuffled)
    rest = [batch for batch in appends if batch.number > 0]
    assert built(shuffled, rest) == built(appends)


@pytest.fixture
def view():
    store = MemoryStore()
    for number, values in story(6):
        write(store, batches(number, values, job="other" if number == 5 else "job", commit=f"{number % 2:x}" * 40))
    write(store, batches(6, story(1)[0][1], status="failed"))
    write(store, batches(7, story(1)[0][1], dirty=True, commit="b" * 40))
    return store.view()


def test_runs_are_chosen_by_number_time_commit_and_name(view):
    assert choose(view, Choice(job="job", last=2)).run_ids == ("run-004", "run-007")
    assert choose(view, Choice(job="job", commit="0000000")).run_ids == ("run-000", "run-002", "run-004")
    since, until = BEGAN + timedelta(hours=1), BEGAN + timedelta(hours=3)
    assert choose(view, Choice(since=since, until=until)).run_ids == ("run-001", "run-002")
    assert choose(view, Choice(names=("run-006", "run-000", "run-006"))).run_ids == ("run-000", "run-006")
    assert choose(view, Choice(names=("run-005",))).job == "other"


def test_earlier_runs_are_of_the_same_job_and_do_not_hold_the_chosen(view):
    chosen = choose(view, Choice(names=("run-003",)))
    assert before(view, chosen, 2) == ("run-001", "run-002")
    assert window(view, chosen, Choice(job="job")) == ("run-000", "run-001", "run-002", "run-004", "run-007")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (Choice(job="jobb"), "did you mean 'job'"),
        (Choice(names=("nobody",)), "there is no run 'nobody'"),
        (Choice(names=("run-000", "run-005")), "the named runs are of job, other"),
        (Choice(commit="b" * 40), "had uncommitted changes"),
        (Choice(commit="main"), "'main' is no commit"),
        (Choice(commit=COMMIT), "there are no successful runs of commit a1a1"),
        (Choice(since=BEGAN + timedelta(days=9)), "make some with `dagster-ledger run"),
    ],
)
def test_a_choice_that_fits_nothing_says_what_to_do(view, choice, told):
    with pytest.raises(ConfigurationError, match=told):
        choose(view, choice)
