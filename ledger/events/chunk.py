"""Events of work in chunks: what was made, what failed, what an earlier run left, and how the work adapted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksResumed(Event):
    """Work in chunks began, with what an earlier attempt left.

    Attributes:
        plan_digest: SHA-256 (hex) of the plan: the same digest makes the same result.
        total_rows: Rows of the plan.
        kept_rows: Rows whose parts are there already.
        damaged_parts: Parts whose content was not what their name says; they are made again.
        deaths: The rows at which processes died since: ``{"start_row": …, "stop_row": …, "pid": …}``.
    """

    KIND: ClassVar[str] = "chunks_resumed"

    plan_digest: str
    total_rows: int
    kept_rows: int
    damaged_parts: int
    deaths: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCompleted(Event):
    """The result of a range of rows is kept.

    Attributes:
        start_row: First row.
        stop_row: Row after the last.
        rows_out: Rows of the result.
        sha256: Digest of the part (hex).
        wall_s: Seconds it took. This and the figures below are ``None`` where its worker was stopped, or killed, once
            the part was kept and before it could say so.
        base_bytes: Anonymous memory of the worker before.
        peak_bytes: Highest anonymous memory of the worker meanwhile.
        peak_method: ``vmhwm`` (exact) or ``sampled``.
    """

    KIND: ClassVar[str] = "chunk_completed"

    start_row: int
    stop_row: int
    rows_out: int
    sha256: str
    wall_s: float | None = None
    base_bytes: int | None = None
    peak_bytes: int | None = None
    peak_method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFailed(Event):
    """A range of rows could not be made this time.

    Attributes:
        start_row: First row.
        stop_row: Row after the last.
        attempt: Which attempt, from 1.
        is_final: Whether the rows are given up; otherwise they are tried again, whole or in halves.
        reason: ``error``, ``timeout`` or ``died``.
        error_type: What was raised.
        error_message: Its text, cut to 4,000 characters.
        traceback: The last part of the formatted traceback, cut to 4,000 characters.
    """

    KIND: ClassVar[str] = "chunk_failed"

    start_row: int
    stop_row: int
    attempt: int
    is_final: bool
    reason: str
    error_type: str
    error_message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksAdapted(Event):
    """How the work is done changed, for the memory it takes.

    Attributes:
        change: ``grown``, ``shrunk``, ``strategy_switched`` or ``halved_after_death``.
        rows_before: Rows of a chunk so far.
        rows_after: Rows of the next one.
        peak_bytes: Anonymous memory that was observed, ``None`` after a death.
        limit_bytes: What a worker must stay below, ``None`` without a limit.
        reason: One sentence.
    """

    KIND: ClassVar[str] = "chunks_adapted"

    change: str
    rows_before: int
    rows_after: int
    peak_bytes: int | None = None
    limit_bytes: int | None = None
    reason: str
