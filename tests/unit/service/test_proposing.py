"""Baselines are proposed of comparable runs, and loosened only where somebody says so."""

import pytest

from ledger.baselines import read, recompute
from ledger.errors import ConfigurationError
from ledger.metrics import BUILT_IN
from ledger.projections.samples import samples
from ledger.service.baselines.accepted import from_directory
from ledger.service.baselines.proposing import Proposal, propose, save
from ledger.service.reading.choosing import Choice
from ledger.settings import RegressionSettings
from ledger.store.memory import MemoryStore
from tests.judged import LARGE, batches, story, write


@pytest.fixture
def store():
    return MemoryStore()


def proposed(store, place, *, last=6, write_it=True, **more):
    asked = Proposal(choice=Choice(last=last), reason="measured", **more)
    found = propose(store.view(), asked, from_directory(place), RegressionSettings(), BUILT_IN)
    if write_it:
        save(found, place)
    return found


def fill(store, runs, **more):
    for number, values in runs:
        write(store, batches(number, values, **more))


def test_a_first_baseline_is_established_and_recomputes_from_the_ledger(store, tmp_path):
    fill(store, story(6))
    found = proposed(store, tmp_path)
    assert {one.change for one in found.changes} == {"establish"}
    paths = sorted(tmp_path.rglob("*.json"))
    assert [path.name for path in paths] == ["loaded.json", "matched.json", "published.json"]
    baselines = [read(path.read_bytes(), path.name) for path in paths]
    assert [entry.metric for entry in baselines[1].metrics] == [
        "cpu_s", "duration_s", "match_rate", "peak_increase_bytes",
    ]  # fmt: skip
    assert all(recompute(baseline, samples(store.read())) == () for baseline in baselines)


def test_the_same_runs_again_change_nothing(store, tmp_path):
    fill(store, story(6))
    proposed(store, tmp_path)
    assert proposed(store, tmp_path).files == {}


def test_a_worse_sample_needs_to_be_called_so_and_a_better_one_tightens(store, tmp_path):
    fill(store, story(6))
    proposed(store, tmp_path)
    fill(store, story(6, first=10, slower=1.5, since=0, seed=8))
    with pytest.raises(ConfigurationError, match=r"duration_s of loaded would be loosened .* say so with --loosen"):
        proposed(store, tmp_path, assets=("loaded",), metrics=("duration_s",))
    (looser,) = proposed(store, tmp_path, assets=("loaded",), metrics=("duration_s",), loosen=True).changes
    assert looser.change == "loosen"
    fill(store, story(6, first=20, slower=0.5, since=0, seed=9))
    (tighter,) = proposed(store, tmp_path, assets=("loaded",), metrics=("duration_s",)).changes
    assert tighter.change == "tighten"
    (path,) = tmp_path.rglob("loaded.json")
    baseline = read(path.read_bytes(), "loaded.json")
    assert baseline.metric("duration_s").supersedes is not None
    assert baseline.metric("cpu_s").change.kind == "establish"


def test_fewer_runs_than_are_accepted_loosen_too(store, tmp_path):
    fill(store, story(8))
    proposed(store, tmp_path, last=8)
    fill(store, story(6, first=10, slower=0.5, since=0))
    with pytest.raises(ConfigurationError, match=r"duration_s of loaded would be loosened .runs go from 8 to 6"):
        proposed(store, tmp_path, assets=("loaded",), metrics=("duration_s",))


def test_another_configuration_rebases(store, tmp_path):
    fill(store, story(6))
    proposed(store, tmp_path)
    fill(store, story(6, first=10, slower=0.5, since=0), settings={"chunk_size": 5})
    (change,) = proposed(store, tmp_path, assets=("loaded",), metrics=("duration_s",)).changes
    assert change.change == "rebase-profile"


def test_mixed_machines_are_refused_and_nothing_is_written(store, tmp_path):
    fill(store, story(3))
    fill(store, story(3, first=3), machine=LARGE)
    with pytest.raises(ConfigurationError, match=r"of several machines \(AMD EPYC, 2 cores.*; AMD EPYC, 4 cores"):
        proposed(store, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_runs_of_one_process_are_refused(store, tmp_path):
    fill(store, story(6), ticks=5)
    with pytest.raises(ConfigurationError, match="share a process"):
        proposed(store, tmp_path)


def test_too_few_runs_are_refused_unless_few_are_enough(store, tmp_path):
    fill(store, story(4))
    with pytest.raises(ConfigurationError, match="has 4 runs, a baseline has at least 5"):
        proposed(store, tmp_path)
    assert proposed(store, tmp_path, few=True).files


def test_a_sample_with_a_change_in_it_is_refused(store, tmp_path):
    fill(store, story(30, slower=1.5, since=15))
    with pytest.raises(ConfigurationError, match="duration_s of loaded changed at run run-015"):
        proposed(store, tmp_path, last=30)


def test_a_metric_without_a_better_direction_has_no_baseline(store, tmp_path):
    fill(store, story(6))
    with pytest.raises(ConfigurationError, match="rows_in cannot have a baseline, since it has no better direction"):
        proposed(store, tmp_path, metrics=("rows_in",))
    with pytest.raises(ConfigurationError, match="did you mean 'duration_s'"):
        proposed(store, tmp_path, metrics=("durations_s",))
