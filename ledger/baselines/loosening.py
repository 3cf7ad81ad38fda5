"""What a change of a baseline gives up: each way in which the new one would let more pass than the old one.

Rules:
- Removing a metric or a file, retiring a metric, other unit or direction, a raised or dropped limit or floor, fewer
  runs, a worse median, another machine class, configuration or data set, and the same of the anchor: all of them count.
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
    """One way in which a change lets more pass.

    Attributes:
        metric: The metric, ``None`` for the whole file.
        what: What it is, in words.
        code: What kind of loosening it is: a word of ``CODES``.
    """

    metric: str | None
    what: str
    code: str


CODES: tuple[str, ...] = (
    *("file_removed", "renamed", "metric_removed", "retired", "unit", "direction", "limit", "floor"),
    *("runs", "median", "machine_class", "configuration", "data_set", "size_class"),
    *("anchor_removed", "anchor_runs", "anchor_median", "anchor_machine_class", "anchor_configuration"),
    *("anchor_data_set", "anchor_size_class", "drift", "spread", "setting", "attributes"),
)
"""Every kind of loosening; the last four are found outside of this module."""

CIRCUMSTANCES: frozenset[str] = frozenset({"machine_class", "configuration", "data_set", "size_class"})
"""Kinds that say under which circumstances was measured, not what came out."""


def loosenings(before: Baseline | None, after: Baseline | None) -> tuple[Loosening, ...]:
    """Return what a change gives up, in the order of the metrics; empty when nothing.

    Args:
        before: The baseline on the protected branch, ``None`` where there was none.
        after: The proposed one, ``None`` where the file is gone.
    """
    if before is None:
        return ()
    if after is None:
        return (Loosening(None, f"the baseline of {before.asset} is removed", "file_removed"),)
    found = [
        Loosening(None, f"{what} goes from {old!r} to {new!r}", "renamed")
        for what, old, new in (
            ("asset", before.asset, after.asset),
            ("partition", before.partition, after.partition),
            ("profile", before.profile, after.profile),
        )
        if old != new
    ]
    for old_entry in before.metrics:
        found += of_entry(old_entry, after.metric(old_entry.metric))
    return tuple(found)


def of_entry(old: MetricBaseline, new: MetricBaseline | None) -> list[Loosening]:
    """Return what a metric's new entry gives up; all of it where there is none."""
    if new is None:
        return [Loosening(old.metric, "the metric is removed", "metric_removed")]
    return [Loosening(old.metric, what, code) for code, what in _of_entry(old, new)]


def _of_entry(old: MetricBaseline, new: MetricBaseline) -> Iterator[tuple[str, str]]:
    """Yield kind and words of what a metric's new entry gives up."""
    if new.is_retired and not old.is_retired:
        yield "retired", "the metric is retired"
    if old.unit != new.unit:
        yield "unit", f"unit goes from {old.unit} to {new.unit}"
    if old.direction != new.direction:
        yield "direction", f"direction goes from {old.direction} to {new.direction}"
    for what, before, after in (("limit", old.limit, new.limit), ("floor", old.floor, new.floor)):
        if (before is None) != (after is None) or (before is not None and after is not None and after > before):
            yield what, f"{what} goes from {_number(before)} to {_number(after)}"
    yield from _of_sample("", old.current, new.current, old.direction)
    if old.anchor is not None:
        if new.anchor is None:
            yield "anchor_removed", "the anchor is removed"
        else:
            told = _of_sample("anchor's ", old.anchor, new.anchor, old.direction)
            yield from ((f"anchor_{code}", what) for code, what in told)


def _of_sample(whose: str, old: AcceptedSample, new: AcceptedSample, direction: Direction) -> Iterator[tuple[str, str]]:
    """Yield kind and words of what a new sample gives up."""
    if len(new.runs) < len(old.runs):
        yield "runs", f"{whose}runs go from {len(old.runs)} to {len(new.runs)}"
    if worsening(old, new, direction) > 0.0:
        yield "median", f"{whose}median goes from {_number(old.median)} to {_number(new.median)}"
    for what, before, after in (
        ("machine class", old.machine, new.machine),
        ("configuration", old.config_digest, new.config_digest),
        ("data set", old.dataset_id, new.dataset_id),
        ("size class", old.size_class, new.size_class),
    ):
        if before != after:
            yield what.replace(" ", "_"), f"{whose}{what} goes from {before or 'none'} to {after or 'none'}"


def worsening(old: AcceptedSample, new: AcceptedSample, direction: Direction) -> float:
    """Return by how much the median got worse, in the metric's unit; negative where it got better, 0 where neutral."""
    if direction == "neutral":
        return 0.0
    return new.median - old.median if direction == "lower_is_better" else old.median - new.median


def _number(value: float | None) -> str:
    return "the project's" if value is None else decimal_text(value)
