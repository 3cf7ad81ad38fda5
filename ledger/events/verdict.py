"""Events of the regression gate; they live in a stream of their own, ``verdict/<id>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReached(Event):
    """The gate judged runs against a baseline.

    Attributes:
        outcome: ``PASS``, ``WARN``, ``FAIL`` or ``INCONCLUSIVE``.
        sentence: Counts and causes, for people.
        job: Job of the runs.
        candidate_run_ids: Runs that were judged, in the order they began.
        baseline: What they were held against, as it is written on a command line.
        baseline_digest: SHA-256 (hex) over the runs and values of the baseline.
        code_version: Git commit of the candidates, ``None`` where they were of several or none.
        confirms: Id of the verdict whose suspects were run again, ``None`` for a gate of its own.
        judged: Findings that are regressed, improved or ok.
        causes: Why it is no ``PASS``, gravest first.
        missing: Required metrics that were not measured.
        findings: The findings, worst first: asset, partition, metric, state and what is known of it.
    """

    KIND: ClassVar[str] = "verdict_reached"

    outcome: str
    sentence: str
    job: str | None = None
    candidate_run_ids: tuple[str, ...]
    baseline: str
    baseline_digest: str
    code_version: str | None = None
    confirms: str | None = None
    judged: int
    causes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Json], ...]
