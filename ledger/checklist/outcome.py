"""What an item comes to, and how it is worded.

Rules:
- Evidence is plain and has one spelling: texts, whole numbers, lists and mappings; decimals are texts.
- A sentence names the first few of many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.checklist.facts import CheckFact

Evidence: TypeAlias = "bool | int | str | Sequence[Evidence] | Mapping[str, Evidence] | None"

_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an item holds, one sentence that says why, what to do where it does not, and the evidence."""

    holds: bool
    sentence: str
    evidence: Mapping[str, Evidence]
    remedy: str = ""


def shown(sentence: str, evidence: Mapping[str, Evidence]) -> Outcome:
    """Return that an item holds."""
    return Outcome(holds=True, sentence=sentence, evidence=evidence)


def not_shown(sentence: str, evidence: Mapping[str, Evidence], remedy: str) -> Outcome:
    """Return that an item does not hold, and what to do."""
    return Outcome(holds=False, sentence=sentence, evidence=evidence, remedy=remedy)


def decimal(value: float | None) -> str | None:
    """Return a number as text, ``None`` as it is."""
    return None if value is None else repr(float(value))


def counted(number: int, noun: str) -> str:
    """Return a number of things, for instance ``1 alert`` or ``3 alerts``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(said: list[str]) -> str:
    """Return the first few, and how many more there are."""
    rest = len(said) - _FEW
    return "; ".join(said[:_FEW]) + (f"; and {rest} more" if rest > 0 else "")


def failure(check: CheckFact) -> str:
    """Return a check that failed, or was loosened, in words."""
    name = f"{check.check} of {check.asset} {'was loosened' if check.passed else 'failed'}"
    if check.metric is None or check.value is None:
        return name
    bound = check.required if check.passed else check.threshold
    limit = "" if bound is None else f", limit {bound:.4g}"
    return f"{name} ({check.metric} {check.value:.4g}{limit})"
