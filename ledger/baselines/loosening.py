"""What a change of a baseline gives up: each way in which the new one would let more pass than the old one.

Rules:
- Removing a metric or a file, other unit or direction, a raised or dropped limit or floor, fewer runs, a worse median,
  another machine class, configuration or data set, and the same of the anchor: all of them count.
- A limit that is ``None`` is the project's, which is not known here; going from one to the other counts, either way.
- Establishing what was not there before gives nothing up. A larger spread is not told: it is mostly chance, and
  comparing with the baseline before the change finds what it would hide.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.baselines.model import AcceptedSample, Baseline, MetricBaseline, decimal_text
from ledger.metrics import Direction


@dataclass(frozen=True, slots=True)
class Loosening:
    """One way in which a change lets more pass: the metric, ``None`` for the whole file, and what it is."""

    metric: str | None
    what: str


def loosenings(before: Baseline | None, after: Baseline | None) -> tuple[Loosening, ...]:
    """Return what a change gives up, in the order of the metrics; empty when nothing.

    Args:
        before: The baseline on the protected branch, ``None`` where there was none.
        after: The proposed one, ``None`` where the file is gone.
    """
    if before is None:
        return ()
    if after is None:
        return (Loosening(None, f"the baseline of {before.asset} is removed"),)
    found = [
        Loosening(None, f"{what} goes from {old!r} to {new!r}")
        for what, old, new in (
            ("asset", before.asset, after.asset),
            ("partition", before.partition, after.partition),
            ("profile", before.profile, after.profile),
        )
        if old != new
    ]
    for old_entry in before.metrics:
        new_entry = after.metric(old_entry.metric)
        told = ("the metric is removed",) if new_entry is None else tuple(_of_entry(old_entry, new_entry))
        found += [Loosening(old_entry.metric, what) for what in told]
    return tuple(found)


def _of_entry(old: MetricBaseline, new: MetricBaseline) -> Iterator[str]:
    """Yield what a metric's new entry gives up."""
    if old.unit != new.unit:
        yield f"unit goes from {old.unit} to {new.unit}"
    if old.direction != new.direction:
        yield f"direction goes from {old.direction} to {new.direction}"
    for what, before, after in (("limit", old.limit, new.limit), ("floor", old.floor, new.floor)):
        if (before is None) != (after is None) or (before is not None and after is not None and after > before):
            yield f"{what} goes from {_number(before)} to {_number(after)}"
    yield from _of_sample("", old.current, new.current, old.direction)
    if old.anchor is not None:
        if new.anchor is None:
            yield "the anchor is removed"
        else:
            yield from _of_sample("anchor's ", old.anchor, new.anchor, old.direction)


def _of_sample(whose: str, old: AcceptedSample, new: AcceptedSample, direction: Direction) -> Iterator[str]:
    """Yield what a new sample gives up."""
    if len(new.runs) < len(old.runs):
        yield f"{whose}runs go from {len(old.runs)} to {len(new.runs)}"
    worse = new.median - old.median if direction == "lower_is_better" else old.median - new.median
    if direction != "neutral" and worse > 0.0:
        yield f"{whose}median goes from {_number(old.median)} to {_number(new.median)}"
    for what, before, after in (
        ("machine class", old.machine, new.machine),
        ("configuration", old.config_digest, new.config_digest),
        ("data set", old.dataset_id, new.dataset_id),
        ("size class", old.size_class, new.size_class),
    ):
        if before != after:
            yield f"{whose}{what} goes from {before or 'none'} to {after or 'none'}"


def _number(value: float | None) -> str:
    return "the project's" if value is None else decimal_text(value)
