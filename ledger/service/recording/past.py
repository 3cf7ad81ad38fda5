"""What another record of runs knows about them: plain values, in the words of that record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Ending = Literal["success", "failed", "canceled", "retrying", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastError:
    """Why an attempt failed: name of the exception's class, its text, and the traceback; any of them may be empty."""

    error_type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMaterialization:
    """What an attempt made: asset key, partition, and the finite numbers of its metadata by name."""

    asset: str
    partition: str | None
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """One attempt of one step.

    Attributes:
        subject: What its figures are filed under: an asset key, or ``op:<step key>``.
        output_assets: Asset keys it was to make, sorted.
        step_key: Dagster step key.
        partition: Partition key, or ``first...last``.
        number: Retry number, from 0.
        started: UTC.
        ended: UTC, not before ``started``.
        ending: How it ended; ``unknown`` where the record does not say.
        duration_s: Seconds the step took, ``None`` where the record does not tell.
        pid: Process id, ``None`` where unknown.
        error: Why it failed, where it did.
        materializations: What it made, in order.
    """

    subject: str
    output_assets: tuple[str, ...]
    step_key: str
    partition: str | None
    number: int
    started: datetime
    ended: datetime
    ending: Ending
    duration_s: float | None = None
    pid: int | None = None
    error: PastError | None = None
    materializations: tuple[PastMaterialization, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that is over.

    Attributes:
        run_id: Dagster run id.
        job: Dagster job name.
        status: ``success``, ``failed`` or ``canceled``.
        source_status: The same in the words of the record.
        planned_assets: Asset keys it meant to make, sorted.
        tags: Dagster run tags.
        started: UTC.
        ended: UTC, not before ``started``.
        message: Why it failed, ``None`` where nobody says.
        attempts: In the order they began.
    """

    run_id: str
    job: str
    status: str
    source_status: str
    planned_assets: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    started: datetime
    ended: datetime
    message: str | None = None
    attempts: tuple[PastAttempt, ...] = ()
