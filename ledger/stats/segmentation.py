"""Cuts a history into pieces of constant level: exact penalised least squares.

Rules:
- The sum of squared deviations from each piece's mean plus a penalty per cut is as small as it can be; ties go to the
  earliest cut, so that the answer does not depend on the machine.
- This is what kernel change point detection with a linear kernel minimises (Harchaoui and Cappe 2007; Arlot, Celisse
  and Harchaoui 2019), found by optimal partitioning (Jackson et al. 2005) with a vectorised inner loop: n steps of
  numpy, O(n^2) operations.
- Which cuts are worth telling is decided elsewhere.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ledger.stats.series import FloatArray

SHORTEST_PIECE: Final = 5
# 20 ln n in units of the noise variance. Tuned on one half of labelled nightly benchmark histories, held on the other;
# Yao's (1988) 2 ln n assumes independent normal noise, of which ten times as much is left over in practice.
PENALTY_FACTOR: Final = 20.0


def penalty(n: int) -> float:
    """Return what a cut of ``n`` values of unit noise has to gain, 20 ln n."""
    return PENALTY_FACTOR * float(np.log(n))


def pieces(levels: FloatArray, cut_penalty: float, shortest: int = SHORTEST_PIECE) -> tuple[int, ...]:
    """Return the first indices of all pieces but the first, ascending, of the optimal partition.

    Args:
        levels: Shape (n,), finite, divided by the noise's standard deviation.
        cut_penalty: What each cut costs, > 0, in units of the noise variance.
        shortest: Fewest values in a piece, >= 1. A series shorter than two of them is one piece.
    """
    n = levels.size
    if n < 2 * shortest:
        return ()
    sums = np.concatenate(([0.0], np.cumsum(levels - levels.mean())))
    if most_gained(sums, shortest) < cut_penalty:
        return ()
    # Row n - end, column start: one over the length of the piece [start, end). A view, not n^2 numbers.
    per_length = np.lib.stride_tricks.sliding_window_view(np.append(1.0 / np.arange(n, 0, -1), np.zeros(n)), n)
    # Row i ends i values earlier than row 0 and so loses its last i starts.
    too_short = np.tri(shortest, k=-1, dtype=np.bool_)[:, ::-1]
    best = np.full(n + 1, np.inf)
    best[0] = -cut_penalty
    came_from = np.zeros(n + 1, dtype=np.int64)
    # No piece is shorter than `shortest`, so the ends of as many partitions in a row need only what is known already.
    for first in range(shortest, n + 1, shortest):
        last = min(first + shortest - 1, n)
        ends = np.arange(last, first - 1, -1)
        starts = last - shortest + 1
        cost = sums[ends, None] - sums[:starts]
        cost *= cost
        cost *= per_length[n - last : n - first + 1, :starts]
        np.subtract(best[:starts], cost, out=cost)
        cost[:, -shortest:][too_short[: ends.size]] = np.inf
        chosen = cost.argmin(axis=1)
        best[ends] = cost[np.arange(ends.size), chosen] + cut_penalty
        came_from[ends] = chosen
    return _followed_back(came_from, n)


def most_gained(sums: FloatArray, shortest: int) -> float:
    """Return a bound on what one cut of a partition can gain: below the penalty it proves that none pays.

    Undoing the cuts of a partition one by one gives up, each time, what parting two neighbours gains, and that is at
    most the squares that two pieces explain, each on its own. Pieces are bounded by blocks of starts and of ends.

    Args:
        sums: Shape (n + 1,), cumulative sums that begin with 0.0, of a series with mean zero.
        shortest: Fewest values in a piece, >= 1.
    """
    edges = np.arange(0, sums.size, shortest)
    highest, lowest = np.maximum.reduceat(sums, edges), np.minimum.reduceat(sums, edges)
    apart = np.maximum(highest[None, :] - lowest[:, None], highest[:, None] - lowest[None, :])
    # The shortest piece from a block to a later one: from the last start in the one to the first end in the other.
    least = np.maximum(edges[None, :] - edges[:, None] - (shortest - 1), shortest)
    explained = np.triu(apart * apart / least)
    return 2.0 * float(explained.max())


def _followed_back(came_from: NDArray[np.int64], n: int) -> tuple[int, ...]:
    """Return the cuts on the way back from the end, ascending."""
    cuts: list[int] = []
    end = int(came_from[n])
    while end > 0:
        cuts.append(end)
        end = int(came_from[end])
    return tuple(reversed(cuts))
