"""A machine that is shared with other work: wall time suffers, each asset in its own way; nobody is blamed for it."""

import numpy as np
import pytest

from ledger.stats import assess
from tests.unit.stats.comparing import compare, noisy

ASSETS = 17
SCATTER = 0.05
"""How differently assets felt four busy processes on two cores, on logs."""
GATES = 20


def family(seed, *, wall, scatter=SCATTER, slower=()):
    """Return wall and CPU time of each asset; wall time grows by the factor ``wall``, ``slower`` ones work more."""
    rng = np.random.default_rng(seed)
    felt = np.log(wall) + scatter * rng.standard_normal(ASSETS)
    found = []
    for asset in range(ASSETS):
        work = 1.2 if asset in slower else 1.0
        for metric, factor in (("duration_s", work * np.exp(felt[asset])), ("cpu_s", work)):
            before, after = noisy((seed, asset, len(metric), 0), 12), noisy((seed, asset, len(metric), 1), 5)
            found.append(compare(before, factor * after, asset=f"asset_{asset:02d}", metric=metric))
    return found


def regressed(assessment):
    return {(one.asset, one.metric) for one in assessment.findings if one.state == "regressed"}


@pytest.mark.parametrize("wall", [1.09, 1.15])
def test_busy_processors_are_told_and_assets_are_seldom_blamed(wall):
    told = [assess(family(seed, wall=wall)) for seed in range(GATES)]
    assert sum(one.environment_shift is not None for one in told) >= 18
    # Without the common shift, every one of these gates blames assets.
    assert sum(bool(regressed(one)) for one in told) <= 3
    assert all(metric == "duration_s" for one in told for _, metric in regressed(one))


def test_what_leaves_cpu_time_as_it_was_takes_nothing_out_of_it():
    assessment = assess(family(3, wall=1.09))
    moved = {one.metric for one in assessment.findings if one.raw_estimate != one.estimate}
    assert moved == {"duration_s"}


def test_an_asset_that_really_is_slower_is_found_by_its_cpu_time():
    found = [regressed(assess(family(seed, wall=1.08, slower={4}))) for seed in range(GATES)]
    assert sum(("asset_04", "cpu_s") in one for one in found) >= 18
    assert {asset for one in found for asset, metric in one if metric == "cpu_s"} == {"asset_04"}


def test_a_machine_that_is_slower_for_all_alike_hides_no_regression():
    found = [regressed(assess(family(seed, wall=1.08, scatter=0.005, slower={4}))) for seed in range(GATES)]
    assert sum(("asset_04", "duration_s") in one for one in found) >= 18
    assert all({asset for asset, _ in one} <= {"asset_04"} for one in found)
