"""How the newest success is held against the baseline file: by the scale, the floor and the size of the gate."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ledger.baselines import AcceptedRun, Baseline, Change, profile_name, relative_path, write
from ledger.metrics import BUILT_IN
from ledger.projections.latest import AssetState
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.monitoring.comparing import figures_of
from ledger.settings import RegressionSettings
from tests.judged import NAME_OF_SMALL
from tests.unit.baselines.made import entry, sample

CONFIG = "c" * 64


def compared(metric, value, accepted, *, rows=None, own_rows=None, config=CONFIG, **more):
    """Return what an asset with one metric is told to be, and the comparison of that."""
    unit, direction = BUILT_IN[metric].unit, BUILT_IN[metric].direction
    sizes = rows or [None] * len(accepted)
    runs = tuple(
        AcceptedRun(f"run-{number}", one, size) for number, (one, size) in enumerate(zip(accepted, sizes, strict=True))
    )
    current = replace(sample(), runs=runs, machine=NAME_OF_SMALL, config_digest=CONFIG)
    made = entry(metric, unit=unit, direction=direction, current=current, **more)
    profile = profile_name(NAME_OF_SMALL)
    baseline = Baseline(asset="a", profile=profile, metrics=(made,))
    files = AcceptedBaselines("baselines", {relative_path("a", profile): write(baseline).encode()})
    values = {metric: (value, unit)} | ({} if own_rows is None else {"rows_in": (own_rows, "rows")})
    state = AssetState(
        pipeline="p", asset="a", succeeded=datetime(2026, 1, 1, tzinfo=UTC), machine=NAME_OF_SMALL,
        config_digest=config, values=values,
    )  # fmt: skip
    found = figures_of(state, files, RegressionSettings(), BUILT_IN)
    return found, next(iter(found.compared), None)


@pytest.mark.parametrize(
    ("metric", "value", "ratio", "lower"),
    [
        ("duration_s", 12.0, 0.2, 12.0 / 11.0 - 1.0),
        ("duration_s", 8.0, -0.2, 8.0 / 11.0 - 1.0),
        ("duration_s", 10.05, 0.0, 10.05 / 11.0 - 1.0),  # within the floor of 0.1 s
        ("records_per_s", 5.0, 1.0, 0.8),  # half the rate is twice the time
        ("matched_rows", 8.0, 0.25, 0.125),
    ],
)
def test_worse_is_relative_to_the_median_and_to_the_worst_accepted(metric, value, ratio, lower):
    found, one = compared(metric, value, [9.0, 10.0, 11.0])
    assert found.comparable
    assert (one.accepted, one.ratio) == (10.0, pytest.approx(ratio))
    assert one.lower_ratio == pytest.approx(lower)


def test_quality_is_told_in_points():
    _, one = compared("match_rate", 0.85, [0.89, 0.9, 0.91])
    assert (one.ratio, one.lower_ratio) == (pytest.approx(0.05), pytest.approx(0.04))


def test_exactly_the_limit_is_the_limit():
    _, one = compared("peak_increase_bytes", 1.2e9, [1e9, 1e9, 1e9])
    assert one.ratio == 0.2


def test_worse_than_an_accepted_zero_has_no_ratio_and_is_infinite():
    _, one = compared("quarantined_rows", 3.0, [0.0, 0.0, 0.0])
    assert (one.ratio, one.lower_ratio) == (math.inf, math.inf)
    _, same = compared("quarantined_rows", 0.0, [0.0, 0.0, 0.0])
    assert (same.ratio, same.lower_ratio) == (0.0, 0.0)


@pytest.mark.parametrize(
    "other", [{"config": "d" * 64}, {"value": math.nan}, {"rows": [100, 100, 100], "own_rows": 200.0}], ids=str
)
def test_what_is_of_another_kind_is_not_compared(other):
    found, one = compared(**{"metric": "duration_s", "value": 20.0, "accepted": [10.0, 10.0, 10.0]} | other)
    assert (one.ratio, one.lower_ratio, found.comparable) == (None, None, False)


def test_accepted_runs_of_the_same_size_are_used_where_there_are_three():
    rows = [100, 100, 100, 1000, 1000, 1000]
    _, one = compared("duration_s", 10.0, [1.0, 1.0, 1.0, 10.0, 10.0, 10.0], rows=rows, own_rows=1000.0)
    assert one.ratio == 0.0


def test_a_metric_that_is_retired_is_not_told():
    assert compared("duration_s", 1.0, [1.0, 1.0, 1.0])[1] is not None
    assert compared("duration_s", 1.0, [1.0, 1.0, 1.0], change=Change("retire", "no more"))[1] is None
