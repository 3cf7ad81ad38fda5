"""Comparisons out of plain numbers."""

import numpy as np

from ledger.stats import Comparison, Observations


def runs(values, side="b", **recorded):
    values = tuple(float(value) for value in values)
    return Observations(values=values, run_ids=tuple(f"{side}{index}" for index in range(len(values))), **recorded)


def compare(
    baseline, candidate, *, asset="a", metric="duration_s", kind="time", direction="lower_is_better", unit="s", **more
):
    if not isinstance(baseline, Observations):
        baseline = runs(baseline, "b")
    if not isinstance(candidate, Observations):
        candidate = runs(candidate, "c")
    return Comparison(
        asset=asset,
        metric=metric,
        kind=kind,
        direction=direction,
        unit=unit,
        baseline=baseline,
        candidate=candidate,
        **more,
    )


def noisy(seed, n, cv=0.03, middle=10.0):
    return middle * np.exp(cv * np.random.default_rng(seed).standard_normal(n))


def quality(baseline, candidate, **more):
    return compare(
        baseline, candidate, metric="match_rate", kind="quality", direction="higher_is_better", unit="ratio", **more
    )
