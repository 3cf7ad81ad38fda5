"""Judges the whole checklist: every item, which of them block, and whether the commit is ready.

Rules:
- All known items are judged, whatever the policy requires; those that it does not require advise.
- A required item that this release does not know does not hold: a newer policy is not weakened by an older release.
- Nor does one that the configuration switches off, one whose facts could not be found out, and one that breaks: an item
  holds only where it was shown to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.checklist.facts import Facts
from ledger.checklist.items import ITEMS
from ledger.checklist.outcome import Evidence, Outcome


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How an item came out.

    Attributes:
        name: The item.
        critical: Whether the environment requires it.
        holds: Whether it holds.
        sentence: Why.
        evidence: What it was judged by.
        remedy: What to do where it does not hold.
    """

    name: str
    critical: bool
    holds: bool
    sentence: str
    evidence: Mapping[str, Evidence]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a commit came out.

    Attributes:
        commit: The commit (hex).
        environment: Where it is to be deployed.
        at: The moment that was judged.
        items: All items, in the order of the registry, those it does not know last.
    """

    commit: str
    environment: str
    at: datetime
    items: tuple[ItemResult, ...]

    @property
    def blockers(self) -> tuple[ItemResult, ...]:
        """Return the critical items that do not hold."""
        return tuple(item for item in self.items if item.critical and not item.holds)

    @property
    def ready(self) -> bool:
        """Return whether every critical item holds, and there is one."""
        return not self.blockers and any(item.critical for item in self.items)


def judge(facts: Facts, required: Sequence[str]) -> Assessment:
    """Return how a commit comes out.

    Args:
        facts: What is known of it.
        required: Items that must hold.
    """
    names = (*ITEMS, *sorted(set(required) - set(ITEMS)))
    results = []
    for name in names:
        found = _outcome(name, facts)
        results.append(ItemResult(name, name in required, found.holds, found.sentence, found.evidence, found.remedy))
    return Assessment(facts.commit, facts.environment, facts.at, tuple(results))


def _outcome(name: str, facts: Facts) -> Outcome:
    if name not in ITEMS:
        said = f"this release does not know the item {name}"
        return Outcome(holds=False, sentence=said, evidence={}, remedy="use a release that knows it")
    if name in facts.off:
        said = "it is switched off in the commit's configuration"
        return Outcome(holds=False, sentence=said, evidence={}, remedy="take it out of readiness_off")
    if name in facts.lacking:
        said = f"it cannot be judged: {facts.lacking[name]}"
        return Outcome(holds=False, sentence=said, evidence={}, remedy="correct that and ask again")
    try:
        return ITEMS[name].judge(facts)
    except Exception as error:  # noqa: BLE001 - whatever an item runs into, it must not pass for it
        said = f"it cannot be judged: internal error, {type(error).__name__}: {' '.join(str(error).split())}"
        return Outcome(holds=False, sentence=said, evidence={}, remedy="report it")
