"""What a change of a baseline gives up is told, one sentence each, and nothing else is."""

import dataclasses

import pytest
from hypothesis import given, settings

from ledger.baselines import loosenings
from tests.unit.baselines.made import BASELINES, baseline, entry, sample

OLD = entry("duration_s", 1.0, 1.25, 1.5, anchor=sample(0.5, label="v1"), limit=0.1)


def told(**changes) -> list[str]:
    new = dataclasses.replace(OLD, **changes)
    return [found.what for found in loosenings(baseline(OLD), baseline(new))]


@given(BASELINES)
@settings(max_examples=30, deadline=None)
def test_no_change_and_a_first_baseline_give_nothing_up_and_a_removal_everything(made):
    assert loosenings(made, made) == ()
    assert loosenings(None, made) == ()
    assert [found.metric for found in loosenings(made, None)] == [None]
    emptied = dataclasses.replace(made, metrics=())
    assert [found.metric for found in loosenings(made, emptied)] == [entry.metric for entry in made.metrics]


def test_a_better_a_larger_and_a_stricter_baseline_gives_nothing_up():
    assert told(current=sample(1.0, 1.1, 1.2, 1.3), limit=0.05, anchor=sample(0.4)) == []
    assert loosenings(baseline(OLD), baseline(entry("cpu_s"), OLD)) == ()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"unit": "rows"}, "unit goes from s to rows"),
        ({"limit": 0.2}, "limit goes from 0.1 to 0.2"),
        ({"limit": None}, "limit goes from 0.1 to the project's"),
        ({"floor": 0.5}, "floor goes from the project's to 0.5"),
        ({"current": sample(1.0, 1.25)}, "runs go from 3 to 2"),
        ({"current": sample(1.0, 1.3, 1.5)}, "median goes from 1.25 to 1.3"),
        ({"current": sample(1.0, 1.25, 1.5, machine="4 cores")}, "machine class goes from 2 cores to 4 cores"),
        ({"current": sample(1.0, 1.25, 1.5, config_digest="d")}, f"configuration goes from {'c' * 64} to d"),
        ({"current": sample(1.0, 1.25, 1.5, dataset_id="x")}, "data set goes from none to x"),
        ({"current": sample(1.0, 1.25, 1.5, size_class=None)}, "size class goes from 2^6 to none"),
        ({"anchor": None}, "the anchor is removed"),
        ({"anchor": sample(0.6)}, "anchor's median goes from 0.5 to 0.6"),
    ],
)
def test_each_way_of_letting_more_pass_is_told_alone(changes, what):
    assert told(**changes) == [what]


def test_what_is_worse_follows_the_direction():
    old = entry("match_rate", 0.9, unit="ratio", direction="higher_is_better")
    for value, found in ((0.8, ["median goes from 0.9 to 0.8"]), (0.95, [])):
        new = dataclasses.replace(old, current=sample(value))
        assert [loosening.what for loosening in loosenings(baseline(old), baseline(new))] == found
    flipped = dataclasses.replace(old, direction="neutral")
    assert [loosening.what for loosening in loosenings(baseline(old), baseline(flipped))] == [
        "direction goes from higher_is_better to neutral"
    ]


def test_another_asset_or_profile_counts_for_the_whole_file():
    found = loosenings(baseline(OLD), baseline(OLD, profile="laptop"))
    assert [(loosening.metric, loosening.what) for loosening in found] == [
        (None, "profile goes from 'epyc-2' to 'laptop'")
    ]
