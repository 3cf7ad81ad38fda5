"""Drift is told on the scale of the limit, from the anchor that was there before, and spread where it matters."""

import dataclasses
import math

import pytest

from ledger.baselines import Allowance, changes
from ledger.baselines.drift import drift_of, overdrawn, spread_out
from tests.unit.baselines.made import baseline, entry, sample

ALLOWED = Allowance(
    limits={"s": 0.1, "ratio": 0.02, "rows/s": 0.1}, multiple=1.0, other=0.1, max_cv=0.3, floors={"s": 0.1}
)
ANCHORED = entry("duration_s", 10.0, 10.0, anchor=sample(10.0, label="v1"))


@pytest.mark.parametrize(
    ("old", "new", "unit", "direction", "drift"),
    [
        (10.0, 12.0, "s", "lower_is_better", 0.2),
        (10.0, 8.0, "s", "lower_is_better", -0.2),
        (0.9, 0.85, "ratio", "higher_is_better", 0.05),
        (100.0, 80.0, "rows/s", "higher_is_better", 0.25),
        (0.0, 1.0, "s", "lower_is_better", math.inf),
        (0.0, 0.0, "s", "lower_is_better", 0.0),
        (10.0, 20.0, "rows", "neutral", 0.0),
    ],
)
def test_drift_is_on_the_scale_of_the_limit(old, new, unit, direction, drift):
    assert drift_of(sample(old), sample(new), unit, direction) == pytest.approx(drift)


def test_a_change_beyond_the_budget_is_told_and_one_within_or_towards_the_anchor_is_not():
    def told(value, before=ANCHORED, **facts):
        found = overdrawn(before, dataclasses.replace(ANCHORED, current=sample(value, value), **facts), ALLOWED)
        return None if found is None else (found.code, found.what)

    assert told(10.9) is None
    assert told(11.5) == ("drift", "drift from the anchor v1 is 0.15, more than 0.1")
    far = dataclasses.replace(ANCHORED, current=sample(13.0))
    assert told(12.0, far) is None
    assert told(14.0, far) is not None
    assert told(11.5, anchor=sample(11.5, label="v2")) is not None
    assert told(11.5, limit=5.0) is not None
    assert told(11.5, None) is not None
    assert overdrawn(None, entry("duration_s", 99.0), ALLOWED) is None


def test_spread_counts_beyond_the_floor_and_where_it_grows():
    wide, narrow = entry("duration_s", 1.0, 9.0, 5.0), entry("duration_s", 5.0, 5.1, 5.0)
    assert spread_out(narrow, wide, ALLOWED).code == "spread"
    assert spread_out(wide, wide, ALLOWED) is None
    assert spread_out(wide, narrow, ALLOWED) is None
    assert spread_out(None, entry("duration_s", 0.01, 0.09), ALLOWED) is None
    assert spread_out(None, entry("duration_s", 9.0), ALLOWED) is None


def test_a_change_tells_drift_and_spread_besides_what_it_gives_up():
    after = dataclasses.replace(ANCHORED, current=sample(12.0, 40.0, 2.0))
    (found,) = changes([baseline(ANCHORED)], [baseline(after)], ALLOWED)
    assert [one.code for one in found.loosenings] == ["median", "drift", "spread"]
    assert changes([baseline(ANCHORED)], [baseline(ANCHORED)], ALLOWED) == ()
    (gone,) = changes([baseline(ANCHORED)], [])
    assert (gone.kind, gone.reason, [one.code for one in gone.loosenings]) == ("remove", None, ["file_removed"])
