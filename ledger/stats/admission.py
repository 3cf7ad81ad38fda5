"""Which comparisons may be judged at all: what is refused, and the sentence that says why.

Rules:
- A run, or a process, counts once. Values that share one are pseudo-replicates: the whole side is refused, since which
  of them to keep would be a choice made after looking.
- A NaN, an infinite value, or a value below zero where none can be, refuses the side; nothing is dropped.
- An empty side is refused.
- Order: what the caller decided, then shape, then pseudo-replicates, then values.
"""

import math
from collections import Counter
from collections.abc import Iterable

from ledger.stats.records import Comparison, Observations


def refusal(comparison: Comparison, baseline: Observations) -> str | None:
    """Return why a comparison against ``baseline`` cannot be judged, ``None`` where it can.

    Args:
        comparison: What is to be judged; its candidate is looked at.
        baseline: The current baseline or the anchor.
    """
    if comparison.not_comparable is not None:
        return comparison.not_comparable
    if comparison.direction == "neutral":
        return f"{comparison.metric} has no better direction, so it is recorded and not judged"
    candidate = comparison.candidate
    return (
        _shape(baseline, "baseline")
        or _shape(candidate, "candidate")
        or _replicates(baseline, candidate)
        or _values(comparison, baseline, "baseline")
        or _values(comparison, candidate, "candidate")
    )


def _shape(side: Observations, name: str) -> str | None:
    size = len(side.values)
    if size == 0:
        return f"the {name} has no runs"
    if len(side.run_ids) != size:
        return f"the {name} has {size} values but {len(side.run_ids)} run ids, so runs cannot be told apart"
    for what in ("launch_ids", "rows", "probe_s", "hosts", "boots", "strata", "successes", "trials"):
        recorded = len(getattr(side, what))
        if recorded not in (0, size):
            return f"the {name} has {size} values but {recorded} {what}"
    return None


def _replicates(baseline: Observations, candidate: Observations) -> str | None:
    runs = _repeated((*baseline.run_ids, *candidate.run_ids))
    if runs:
        return f"{runs} values share a run with another one; values of one run are no independent evidence"
    launches = _repeated((*baseline.launch_ids, *candidate.launch_ids))
    if launches:
        return (
            f"{launches} values share a process with another one; values of one process are no independent evidence,"
            " so start a process per run"
        )
    return None


def _repeated(ids: Iterable[str | None]) -> int:
    """Return how many values have an id that occurs more than once."""
    counted = Counter(name for name in ids if name is not None)
    return sum(count for count in counted.values() if count > 1)


def _values(comparison: Comparison, side: Observations, name: str) -> str | None:
    strange = sum(not math.isfinite(value) for value in side.values)
    if strange:
        return f"{strange} of {len(side.values)} {name} values are not finite numbers"
    if comparison.kind != "quality" and min(side.values) < 0.0:
        return f"the {name} holds a value below zero, which a {comparison.kind} cannot be"
    return _counts(side, name)


def _counts(side: Observations, name: str) -> str | None:
    for hits, rows in zip(side.successes, side.trials, strict=False):
        if not 0 <= hits <= rows or rows == 0:
            return f"the {name} counts {hits} of {rows} rows, which is no ratio"
    return None
