"""The cuts are the best there are: held against every partition of short series and a plain dynamic programme."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.stats.segmentation import most_gained, penalty, pieces


def cost(levels, cuts, cut_penalty):
    parts = np.split(levels, cuts)
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + cut_penalty * len(cuts)


def every_partition(n, shortest):
    for count in range(n // shortest):
        for cuts in itertools.combinations(range(shortest, n - shortest + 1), count):
            edges = (0, *cuts, n)
            if all(end - start >= shortest for start, end in itertools.pairwise(edges)):
                yield cuts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=14), st.integers(1, 5), st.floats(0.1, 200))
def test_no_partition_is_better(levels, shortest, cut_penalty):
    series = np.array(levels)
    found = pieces(series, cut_penalty, shortest)
    best = min((cost(series, cuts, cut_penalty) for cuts in every_partition(series.size, shortest)), default=None)
    if best is not None:
        assert cost(series, found, cut_penalty) == pytest.approx(best, rel=1e-9, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 200))
def test_where_the_bound_says_no_cut_pays_none_does(seed, n):
    rng = np.random.default_rng(seed)
    levels = rng.normal(size=n) + rng.uniform(0, 3) * (np.arange(n) >= n // 2)
    sums = np.concatenate(([0.0], np.cumsum(levels - levels.mean())))
    left = np.arange(5, n - 4)
    gained = (sums[left] ** 2 * n / (left * (n - left))).max()
    assert most_gained(sums, 5) >= gained


def test_the_penalty_is_twenty_logarithms():
    assert penalty(100) == pytest.approx(92.103404)
