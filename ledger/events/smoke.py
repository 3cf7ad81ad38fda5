"""Events of smoke tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTested(Event):
    """A smoke case was run: a job on known input, and what came out held against what was expected.

    Attributes:
        case: Name of the case.
        status: ``passed`` or ``failed``.
        job: Job that was run.
        code_version: Git commit, ``None`` outside a repository.
        code_dirty: Whether tracked files differed from it.
        failures: One sentence per expectation that did not hold.
        details: What was expected and observed, by expectation.
    """

    KIND: ClassVar[str] = "smoke_tested"

    case: str
    status: str
    job: str | None = None
    code_version: str | None = None
    code_dirty: bool | None = None
    failures: tuple[str, ...] = ()
    details: Mapping[str, Json]
