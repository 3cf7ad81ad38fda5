"""What changed between two states of the baselines, metric by metric.

Rules:
- A metric is known by profile, asset, partition and name. A file that is gone takes all its metrics with it, and one
  that lies elsewhere is another one: what was accepted may not be left behind under another name.
- A change says whether it was asked for by its kind, and whether it follows what was there by ``supersedes``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.baselines.drift import Allowance, overdrawn, spread_out
from ledger.baselines.loosening import Loosening, of_entry
from ledger.baselines.model import AcceptedRun, Baseline, MetricBaseline
from ledger.baselines.writing import entry_digest

REMOVED: Final = "remove"
"""Kind of a change that leaves no entry, which so says no kind itself."""

Subject = tuple[str, str, str | None, str]
"""Profile, asset, partition and metric; of a setting the file, and its name for the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """What a change gives up, as a waiver names it.

    Attributes:
        subject: What it is about.
        was: Digest (SHA-256, hex) of what was there.
        becomes: Digest of what is there, ``None`` where nothing is.
        loosenings: Each way in which more passes.
    """

    subject: Subject
    was: str
    becomes: str | None
    loosenings: tuple[Loosening, ...]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        profile, asset, partition, metric = self.subject
        part = f" ({partition})" if partition is not None else ""
        return f"{metric} of {asset}{part} on {profile}" if profile else f"{metric} in {asset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """One metric whose baseline changed.

    Attributes:
        subject: What it is about.
        before: What was accepted, ``None`` where there was nothing.
        after: What is accepted, ``None`` where nothing is.
        was: Digest of ``before``.
        becomes: Digest of ``after``.
        loosenings: What is given up.
    """

    subject: Subject
    before: MetricBaseline | None
    after: MetricBaseline | None
    was: str | None
    becomes: str | None
    loosenings: tuple[Loosening, ...]

    @property
    def kind(self) -> str:
        """Which kind of change it says to be; ``remove`` where no entry is left to say one."""
        return REMOVED if self.after is None else self.after.change.kind

    @property
    def reason(self) -> str | None:
        """Why, as the entry says."""
        return None if self.after is None else self.after.change.reason

    @property
    def is_rebased(self) -> bool:
        """Whether it was measured under other circumstances than what it follows."""
        if self.before is None or self.after is None:
            return False
        old, new = self.before.current, self.after.current
        return (old.machine_digest, old.config_digest, old.dataset_id) != (
            new.machine_digest,
            new.config_digest,
            new.dataset_id,
        )

    @property
    def given_up(self) -> GivenUp | None:
        """What a waiver would be about, ``None`` where nothing is given up."""
        if not self.loosenings or self.was is None:
            return None
        return GivenUp(subject=self.subject, was=self.was, becomes=self.becomes, loosenings=self.loosenings)


def changes(
    before: Iterable[Baseline], after: Iterable[Baseline], allowance: Allowance | None = None
) -> tuple[EntryChange, ...]:
    """Return the metrics whose baselines differ, ordered by profile, asset, partition and metric.

    Args:
        before: The baselines that were accepted.
        after: The baselines that are proposed.
        allowance: How far they may go from their anchors, and be apart; not looked at when ``None``.
    """
    old, new = _entries(before), _entries(after)
    files = {subject[:3] for subject in new}
    homes = {(entry.metric, entry.current.runs): subject for subject, (_, entry) in new.items() if subject not in old}
    found = []
    for subject in sorted({*old, *new}, key=lambda one: tuple(part or "" for part in one)):
        was, becomes = old.get(subject), new.get(subject)
        if was is not None and becomes is not None and was[0] == becomes[0]:
            continue
        told: Iterator[Loosening] = iter(())
        if was is not None:
            told = _given_up(was[1], becomes[1] if becomes else None, subject, files, homes)
        before_entry = was[1] if was else None
        more = (
            [rule(before_entry, becomes[1], allowance) for rule in (overdrawn, spread_out)]
            if becomes and allowance
            else []
        )
        found.append(
            EntryChange(
                subject=subject,
                before=before_entry,
                after=becomes[1] if becomes else None,
                was=was[0] if was else None,
                becomes=becomes[0] if becomes else None,
                loosenings=(*told, *filter(None, more)),
            )
        )
    return tuple(found)


def _entries(baselines: Iterable[Baseline]) -> dict[Subject, tuple[str, MetricBaseline]]:
    """Return digest and entry of each metric."""
    return {
        (one.profile, one.asset, one.partition, entry.metric): (entry_digest(one, entry), entry)
        for one in baselines
        for entry in one.metrics
    }


def _given_up(
    old: MetricBaseline,
    new: MetricBaseline | None,
    subject: Subject,
    files: set[tuple[str, str, str | None]],
    homes: Mapping[tuple[str, tuple[AcceptedRun, ...]], Subject],
) -> Iterator[Loosening]:
    """Yield what a change gives up; an entry that is gone is told by how it went."""
    if new is not None:
        yield from of_entry(old, new)
        return
    home = homes.get((old.metric, old.current.runs))
    if home is not None:
        where = " ".join(filter(None, (home[1], home[2])))
        yield Loosening(old.metric, f"its values lie under {where} on {home[0]} now", "renamed")
    elif subject[:3] not in files:
        yield Loosening(old.metric, "the file is removed", "file_removed")
    else:
        yield from of_entry(old, None)
