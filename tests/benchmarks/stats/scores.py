"""How well found changes fit annotated ones.

- F1 and covering as van den Burg and Williams (2020) define them for several annotators: precision against the union of
  all annotations, recall averaged over annotators, a margin of five values, each true change matched once. Their
  trivial change at index 0 is left out, which makes figures lower than theirs, and counts are pooled over series.
- Standard errors are those of a bootstrap over series (200 draws, seeded).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, slots=True)
class Counts:
    """What one series adds to the pooled figures."""

    found: int
    right: int
    annotated: float
    recalled: float
    covering: float


def matched(annotated: Sequence[int], found: Sequence[int], margin: int) -> int:
    """Return how many annotated changes have a found one of their own within the margin."""
    left, hits = list(found), 0
    for true in annotated:
        near = [each for each in left if abs(each - true) <= margin]
        if near:
            left.remove(min(near, key=lambda each: abs(each - true)))
            hits += 1
    return hits


def covering(annotated: Sequence[int], found: Sequence[int], n: int) -> float:
    """Return the mean over values of the best Jaccard overlap of their true piece with a found one."""
    true_edges, found_edges = [0, *annotated, n], [0, *found, n]
    total = 0.0
    for start, end in pairwise(true_edges):
        overlaps = [
            max(0, min(end, stop) - max(start, begin)) / (max(end, stop) - min(start, begin))
            for begin, stop in pairwise(found_edges)
        ]
        total += (end - start) * max(overlaps)
    return total / n


def counts(annotations: Sequence[Sequence[int]], found: Sequence[int], n: int, margin: int) -> Counts:
    """Return the counts of one series of ``n`` values."""
    union = sorted({cut for each in annotations for cut in each})
    right = sum(any(abs(cut - true) <= margin for true in union) for cut in found)
    if len(annotations) == 1:
        right = matched(annotations[0], found, margin)
    return Counts(
        found=len(found),
        right=right,
        annotated=float(np.mean([len(each) for each in annotations])),
        recalled=float(np.mean([matched(each, found, margin) for each in annotations])),
        covering=float(np.mean([covering(each, found, n) for each in annotations])),
    )


def figures(rows: Sequence[Counts]) -> dict[str, float]:
    """Return precision, recall, F1 and covering, pooled over series."""
    precision = sum(each.right for each in rows) / max(sum(each.found for each in rows), 1)
    recall = sum(each.recalled for each in rows) / max(sum(each.annotated for each in rows), 1e-9)
    return {
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(precision + recall, 1e-9),
        "covering": float(np.mean([each.covering for each in rows])),
    }


def with_errors(rows: Sequence[Counts]) -> dict[str, tuple[float, float]]:
    """Return each figure with its standard error."""
    rng = np.random.default_rng(9_999)
    draws = [figures([rows[at] for at in rng.integers(len(rows), size=len(rows))]) for _ in range(200)]
    return {name: (value, float(np.std([each[name] for each in draws]))) for name, value in figures(rows).items()}


def share(hits: Sequence[bool]) -> tuple[float, float]:
    """Return the share of hits and its standard error, that of one hit more where there is none or nothing else."""
    n, p = len(hits), float(np.mean(hits))
    smoothed = (sum(hits) + 1) / (n + 2)
    return p, float(np.sqrt(smoothed * (1 - smoothed) / n))
