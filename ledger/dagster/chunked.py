"""Work in chunks inside a tracked asset: settings, events, log lines, progress and metadata come by themselves.

::

    @dg.asset
    @tracked
    def enriched(awards: StoredTable) -> ParquetWriting:
        made = run_chunked("enriched", rows=..., inputs={"awards": path}, parameters={...}, make=Matcher(path))
        return made.parquet(SCHEMA)

Rules:
- Begun work lies below ``<output_dir>/.work``, by the digest of its plan: the next attempt, or the next run, goes on
  with it wherever rows, inputs and parameters are the same, and begins anew where they are not.
- The memory that all workers may take is ``memory_threshold_mb``, or what the control group leaves where that is less.
- A partition is work of its own, even where it reads the same rows with the same parameters.
- Work that nobody went on with for a week is removed, unless somebody is at it.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from ledger import chunks
from ledger.chunks import (
    ROWS_PER_GROUP,
    Adaptation,
    Death,
    FailedChunk,
    Finished,
    FoundChunk,
    Maker,
    ParquetWriting,
    Part,
    Parts,
    Resources,
    WorkedChunk,
)
from ledger.dagster.alerts import late_chunks_alert
from ledger.dagster.span import current_settings, current_span
from ledger.dagster.step import current_step
from ledger.events import ChunkCompleted, ChunkFailed, ChunksAdapted, ChunksResumed, Json
from ledger.measure.cgroup import memory_limit_bytes
from ledger.names import file_name
from ledger.service.recording.span import AssetSpan
from ledger.settings import Settings
from ledger.units import MIB, format_bytes, format_seconds

WORK_DIRECTORY: Final = ".work"
_CGROUP_SHARE: Final = 0.9
"""Of the group's limit: page cache and what is not anonymous need room as well."""

_FORGOTTEN_AFTER_S: Final = 7 * 24 * 3600.0
_CHARACTERS: Final = 4_000
_DIGITS: Final = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chunked:
    """What work in chunks made; its parts stay until ``remove``.

    Attributes:
        finished: The parts, and what is left out.
        plan_digest: Digest of the plan (hex).
    """

    finished: Finished
    plan_digest: str

    def tables(self, rows_per_table: int = ROWS_PER_GROUP) -> Iterator[pa.Table]:
        """Yield the result in order, in tables of the same length but for the last."""
        return chunks.regrouped(self.finished.parts.tables(self.finished.chain), rows_per_table)

    def parquet(self, schema: pa.Schema) -> ParquetWriting:
        """Return what writes the result as one Parquet file, the same bytes whatever the chunks were."""
        return ParquetWriting(schema, self.tables())

    def remove(self) -> None:
        """Remove the parts, once the result is where it should be; another run of the same plan keeps them."""
        self.finished.parts.remove()


def run_chunked(
    name: str,
    *,
    rows: int,
    inputs: Mapping[str, Path],
    parameters: Mapping[str, Json],
    make: Maker,
) -> Chunked:
    """Make ``rows`` rows in chunks, as the settings of the running asset say.

    Args:
        name: What is made: the asset key.
        rows: Rows of the input.
        inputs: Name to file; files must not change meanwhile.
        parameters: What else decides the result, a version of the code included.
        make: Makes the function of a worker; with more than one worker it must be picklable.

    Raises:
        InputChangedError: An input changed while it was read.
        ChunksFailedError: Some rows could not be made.
        StoreError: The medium refused.
    """
    settings, span, step = current_settings(), current_span(), current_step()
    watched = {key: chunks.WatchedFile.read(path) for key, path in sorted(inputs.items())}
    digests = {key: file.sha256 for key, file in watched.items()}
    partition = None if step is None else step.partition
    plan = chunks.Plan(name=name, rows=rows, inputs=digests, parameters=parameters, partition=partition)
    place = Path(settings.output_dir) / WORK_DIRECTORY / file_name(name.replace("/", "__"))
    directory = place / plan.digest[:_DIGITS]
    _forget(place, directory)
    log = _log if step is None else step.context.log
    listener = _Told(span, plan, log, settings.progress_log_every_s)
    finished = chunks.run(plan, directory, make, _options(settings), listener, inputs=list(watched.values()))
    listener.note(finished)
    late_chunks_alert(span, settings, finished.quarantined)
    return Chunked(finished, plan.digest)


def allowed() -> Resources:
    """Return what the running asset may take, for what it does itself before or after its chunks."""
    return Resources(memory_allowed_bytes(current_settings()))


def memory_allowed_bytes(settings: Settings, group_bytes: int | None = None) -> int:
    """Return the anonymous memory that an asset's work in chunks may take.

    Args:
        settings: ``memory_threshold_mb``.
        group_bytes: Limit of the control group; that of this process when ``None``.
    """
    group = memory_limit_bytes() if group_bytes is None else group_bytes
    asked = settings.memory_threshold_mb * MIB
    return asked if group is None else min(asked, int(_CGROUP_SHARE * group))


def _options(settings: Settings) -> chunks.ChunkOptions:
    return chunks.ChunkOptions(
        chunk_size=settings.chunk_size,
        executor=settings.chunk_executor,
        workers=settings.chunk_workers,
        dask_scheduler=settings.dask_scheduler or None,
        memory_limit_bytes=memory_allowed_bytes(settings),
        timeout_s=settings.timeout_seconds,
        retries=settings.chunk_retries,
        backoff_s=settings.chunk_backoff_s,
        on_failure=settings.on_chunk_failure,
    )


class _Told:
    """Records what happens as events, says it in Dagster's log, and notes progress."""

    def __init__(self, span: AssetSpan, plan: chunks.Plan, log: logging.Logger, log_every_s: float) -> None:
        self._span: Final = span
        self._plan: Final = plan
        self._log: Final = log
        self._log_every_s: Final = log_every_s
        self._said_at = time.monotonic()
        self._adaptations = 0
        self._peak_bytes = 0

    def resumed(self, kept: Sequence[Part], damaged: Sequence[Part], deaths: Sequence[Death]) -> None:
        """Say what an earlier attempt left."""
        rows = sum(part.stop - part.start for part in kept)
        told = tuple({"start_row": one.start, "stop_row": one.stop, "pid": one.pid} for one in deaths)
        self._span.record(
            ChunksResumed(
                **self._span.place(),
                plan_digest=self._plan.digest,
                total_rows=self._plan.rows,
                kept_rows=rows,
                damaged_parts=len(damaged),
                deaths=told,
            )
        )
        if rows:
            self._log.info("resumes: %s of %s rows are there already", f"{rows:,}", f"{self._plan.rows:,}")
        for part in damaged:
            self._log.warning("the part of rows %d to %d was damaged and is made again", part.start, part.stop - 1)
        for death in deaths:
            self._log.warning("process %d died at rows %d to %d", death.pid, death.start, death.stop - 1)

    def completed(self, chunk: WorkedChunk | FoundChunk, done_rows: int, total_rows: int, eta_s: float | None) -> None:
        """Record a chunk, and say now and then how far the work has come."""
        told = ChunkCompleted(
            **self._span.place(),
            start_row=chunk.part.start,
            stop_row=chunk.part.stop,
            rows_out=chunk.rows_out,
            sha256=chunk.part.sha256,
        )
        peak = ""
        if isinstance(chunk, WorkedChunk):
            self._peak_bytes = max(self._peak_bytes, chunk.peak_bytes)
            peak = f", peak {format_bytes(chunk.peak_bytes)}"
            told = replace(
                told,
                wall_s=chunk.wall_s,
                base_bytes=chunk.base_bytes,
                peak_bytes=chunk.peak_bytes,
                peak_method=chunk.peak_method,
            )
        self._span.record(told)
        self._span.context(last_rows=[chunk.part.start, chunk.part.stop], done_rows=done_rows)
        self._span.progress(float(done_rows), float(total_rows), eta_s)
        now = time.monotonic()
        if now - self._said_at >= self._log_every_s or done_rows == total_rows:
            self._said_at = now
            left = "" if eta_s is None or done_rows == total_rows else f", about {format_seconds(eta_s)} left"
            share = done_rows / total_rows if total_rows else 1.0
            self._log.info("%s of %s rows (%.0f %%)%s%s", f"{done_rows:,}", f"{total_rows:,}", 100 * share, peak, left)

    def failed(self, chunk: FailedChunk, attempt: int, *, is_final: bool) -> None:
        """Record a chunk that failed."""
        self._span.record(
            ChunkFailed(
                **self._span.place(),
                start_row=chunk.start,
                stop_row=chunk.stop,
                attempt=attempt,
                is_final=is_final,
                reason=chunk.kind,
                error_type=chunk.error_type,
                error_message=chunk.message[:_CHARACTERS],
                traceback=chunk.traceback[-_CHARACTERS:],
            )
        )
        self._span.context(failed_rows=[chunk.start, chunk.stop])
        word = "given up" if is_final else "tried again"
        self._log.warning(
            "rows %d to %d failed (%s: %s) and are %s",
            chunk.start,
            chunk.stop - 1,
            chunk.error_type,
            chunk.message[:400],
            word,
        )

    def adapted(self, adaptation: Adaptation) -> None:
        """Record how the work changes, and say so; that chunks grow at the start is not worth a warning."""
        self._adaptations += 1
        self._span.record(
            ChunksAdapted(
                **self._span.place(),
                change=adaptation.change,
                rows_before=adaptation.rows_before,
                rows_after=adaptation.rows_after,
                peak_bytes=adaptation.peak_bytes,
                limit_bytes=adaptation.limit_bytes,
                reason=adaptation.reason,
            )
        )
        level = logging.INFO if adaptation.change == "grown" else logging.WARNING
        before, after = f"{adaptation.rows_before:,}", f"{adaptation.rows_after:,}"
        change = adaptation.change.replace("_", " ")
        self._log.log(level, "memory: %s from %s to %s rows a chunk: %s", change, before, after, adaptation.reason)

    def note(self, finished: Finished) -> None:
        """Note the figures of the whole; they become metadata with the others of the asset."""
        measured = {
            "resumed_rows": finished.resumed_rows,
            "chunk_attempts": finished.attempts,
            "chunk_adaptations": self._adaptations,
            "quarantined_rows": finished.quarantined_rows,
        }
        for metric, value in measured.items():
            self._span.measure(metric, float(value))
        if self._peak_bytes:
            self._span.measure("peak_anonymous_bytes", float(self._peak_bytes))


def _forget(place: Path, own: Path) -> None:
    """Remove begun work of other plans that is old."""
    oldest = time.time() - _FORGOTTEN_AFTER_S
    with contextlib.suppress(OSError):
        for directory in place.iterdir():
            if directory != own and directory.stat().st_mtime < oldest:
                Parts(directory).remove()
