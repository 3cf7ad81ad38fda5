"""Reads runs that are over out of a Dagster instance: what its event log says of each of them.

Rules:
- Only Dagster's own interface to its storage is used, so that SQLite, Postgres and MySQL are read alike.
- Nothing is written. A directory that holds no instance is refused, since Dagster would make one there.
- Every retry of a step is an attempt. A step that failed before it began is an attempt that took no time.
- Names are those that tracking gives: the asset key where a step makes one asset, else ``op:<step key>``.
- A run whose log cannot be read is told, and the others are read.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.dagster_run import FINISHED_STATUSES, NOT_FINISHED_STATUSES, RunRecord

from ledger.errors import ConfigurationError, StoreError
from ledger.names import no_such
from ledger.service.recording.past import Ending, PastAttempt, PastError, PastMaterialization, PastRun

_PAGE: Final = 500
_STATUSES: Final = {"SUCCESS": "success", "FAILURE": "failed", "CANCELED": "canceled"}
_INTERRUPTED: Final = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt"})
_STARTS: Final = frozenset({DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED})
_ENDS: Final[Mapping[DagsterEventType, Ending]] = {
    DagsterEventType.STEP_SUCCESS: "success",
    DagsterEventType.STEP_FAILURE: "failed",
    DagsterEventType.STEP_UP_FOR_RETRY: "retrying",
}
_WANTED: Final = {
    *_STARTS,
    *_ENDS,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.RUN_FAILURE,
}
_PARTITION: Final = "dagster/partition"
_RANGE: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_INSTANCE_SIGNS: Final = ("dagster.yaml", "history", "storage")


@dataclass(slots=True)
class _Open:
    """An attempt whose end was not read yet."""

    started: datetime
    number: int
    pid: int | None
    made: list[PastMaterialization] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EventLog:
    """The event log of an instance.

    Attributes:
        home: Directory of the instance.
        instance: The instance.
        unreadable: Runs whose log could not be read, and why; grows while runs are read.
    """

    home: Path
    instance: dg.DagsterInstance
    unreadable: dict[str, str] = field(default_factory=dict)

    def finished(self, job: str | None = None, since: datetime | None = None, limit: int | None = None) -> list[str]:
        """Return the ids of the runs that are over, the newest first.

        Args:
            job: Only runs of this job.
            since: Only runs that were made from then on.
            limit: The newest so many.

        Raises:
            ConfigurationError: The instance knows no run of the job.
            StoreError: The instance cannot be read.
        """
        with _told(self.home):
            found = self._listed(dg.RunsFilter(job_name=job, statuses=FINISHED_STATUSES, created_after=since), limit)
            if found or job is None:
                return found
            names = {record.dagster_run.job_name for record in self.instance.get_run_records(limit=_PAGE)}
        if job not in names:
            raise ConfigurationError(no_such("job", job, sorted(names), f"in the Dagster instance at {self.home}"))
        return []

    def unfinished(self, job: str | None = None) -> int:
        """Return how many runs are not over.

        Raises:
            StoreError: The instance cannot be read.
        """
        with _told(self.home):
            return self.instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES))

    def read(self, run_ids: list[str]) -> Iterator[PastRun]:
        """Yield what the log says of runs; one that cannot be read is noted in ``unreadable``."""
        for run_id in run_ids:
            try:
                record = self.instance.get_run_record_by_id(run_id)
                if record is None:
                    self.unreadable[run_id] = "it was removed meanwhile"
                    continue
                entries = self.instance.all_logs(run_id, of_type=_WANTED)
                yield _run(record, [entry for entry in entries if entry.dagster_event is not None])
            except Exception as error:  # noqa: BLE001 - foreign, and possibly old, data: one run is no reason to stop
                self.unreadable[run_id] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"

    def _listed(self, wanted: dg.RunsFilter, limit: int | None) -> list[str]:
        found: list[str] = []
        while limit is None or len(found) < limit:
            page = _PAGE if limit is None else min(_PAGE, limit - len(found))
            records = self.instance.get_run_records(wanted, limit=page, cursor=found[-1] if found else None)
            found += [record.dagster_run.run_id for record in records]
            if len(records) < page:
                break
        return found


@contextmanager
def open_log(home: Path) -> Iterator[EventLog]:
    """Give the event log of the instance in a directory, ``DAGSTER_HOME``.

    Raises:
        ConfigurationError: There is no instance.
        StoreError: It cannot be opened.
    """
    if not any((home / sign).exists() for sign in _INSTANCE_SIGNS):
        message = f"there is no Dagster instance in {home}; set DAGSTER_HOME to the directory that Dagster runs with"
        raise ConfigurationError(message)
    with _told(home):
        instance = dg.DagsterInstance.from_config(str(home))
    with instance:
        yield EventLog(home, instance)


@contextmanager
def _told(home: Path) -> Iterator[None]:
    """Tell whatever Dagster's storage raises as one sentence."""
    try:
        yield
    except Exception as error:
        # Whatever the storage is, its driver's exceptions are its own.
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        message = f"cannot read the Dagster instance in {home} ({reason}); try `dagster instance info` there"
        raise StoreError(message) from error


def _run(record: RunRecord, entries: list[EventLogEntry]) -> PastRun:
    """Return what is known of a run."""
    run = record.dagster_run
    tags = {str(name): str(value) for name, value in run.tags.items()}
    planned = _planned(entries)
    attempts = tuple(_attempts(entries, planned, _partition(tags)))
    began = [attempt.started for attempt in attempts]
    closed = [attempt.ended for attempt in attempts]
    started = _moment(record.start_time) or min(began, default=_aware(record.create_timestamp))
    ended = _moment(record.end_time) or max(closed, default=_aware(record.update_timestamp))
    status = _STATUSES[run.status.value]
    return PastRun(
        run_id=run.run_id,
        job=run.job_name,
        status=status,
        source_status=run.status.value,
        planned_assets=tuple(sorted({key for keys in planned.values() for key in keys})),
        tags=tags,
        started=min([started, *began]),
        ended=max([started, ended, *closed]),
        message=_why(entries) if status == "failed" else None,
        attempts=attempts,
    )


def _planned(entries: list[EventLogEntry]) -> dict[str, list[str]]:
    """Return the assets that each step meant to make, sorted, by step key."""
    found: dict[str, set[str]] = {}
    for event in (entry.dagster_event for entry in entries):
        if event is not None and event.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.step_key:
            key = event.asset_materialization_planned_data.asset_key
            found.setdefault(event.step_key, set()).add(key.to_user_string())
    return {step: sorted(keys) for step, keys in found.items()}


def _attempts(
    entries: list[EventLogEntry], planned: Mapping[str, list[str]], partition: str | None
) -> Iterator[PastAttempt]:
    """Yield the attempts of a run, in the order they ended; those that never said so come last."""
    opened: dict[str, _Open] = {}
    tried: dict[str, int] = {}
    last = max((_at(entry) for entry in entries), default=None)
    for entry in entries:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        step, kind = event.step_key, event.event_type
        if kind in _STARTS:
            opened[step] = _Open(_at(entry), tried.get(step, 0), event.pid)
        elif kind is DagsterEventType.ASSET_MATERIALIZATION and step in opened:
            opened[step].made.append(_materialization(event))
        elif kind in _ENDS:
            attempt = opened.pop(step, None) or _Open(_at(entry), tried.get(step, 0), None)
            tried[step] = attempt.number + 1
            yield _closed(attempt, step, planned, partition, event, _at(entry))
    for step, attempt in opened.items():
        yield _closed(attempt, step, planned, partition, None, last or attempt.started)


def _closed(
    attempt: _Open,
    step: str,
    planned: Mapping[str, list[str]],
    partition: str | None,
    end: DagsterEvent | None,
    moment: datetime,
) -> PastAttempt:
    """Return an attempt with how it ended; without an event nobody knows."""
    assets = planned.get(step) or sorted({made.asset for made in attempt.made})
    subject = assets[0] if len(assets) == 1 and "." not in step else f"op:{step}"
    error = _error(end) if end is not None else None
    ending: Ending = "unknown" if end is None else _ENDS[end.event_type]
    if ending == "failed" and error is not None and error.error_type in _INTERRUPTED:
        ending = "canceled"
    ended = max(moment, attempt.started)
    return PastAttempt(
        subject=subject,
        output_assets=tuple(assets),
        step_key=step,
        partition=partition,
        number=attempt.number,
        started=attempt.started,
        ended=ended,
        ending=ending,
        duration_s=_duration_s(end, attempt.started, moment),
        pid=attempt.pid,
        error=error,
        materializations=tuple(attempt.made),
    )


def _duration_s(end: DagsterEvent | None, started: datetime, ended: datetime) -> float | None:
    """Return how long a step took: as its own timer says, else between two readings of the clock."""
    if end is None:
        return None
    if end.event_type is DagsterEventType.STEP_SUCCESS:
        own = float(end.step_success_data.duration_ms) / 1e3
        return own if math.isfinite(own) and own >= 0.0 else None
    between = (ended - started).total_seconds()
    return between if between > 0.0 else None


def _error(end: DagsterEvent) -> PastError | None:
    """Return why a step failed: the project's own exception where Dagster wrapped it."""
    data: Any = end.event_specific_data
    told = getattr(data, "error", None)
    if told is None:
        return None
    while told.cause is not None and (told.cls_name or "").startswith("Dagster"):
        told = told.cause
    name = told.cls_name or ""
    message = told.message.strip()
    return PastError(
        error_type=name,
        message=message.removeprefix(f"{name}: ") if name else message,
        traceback="".join(told.stack),
    )


def _materialization(event: DagsterEvent) -> PastMaterialization:
    made = event.step_materialization_data.materialization
    numbers = {str(name): number for name, value in made.metadata.items() if (number := _number(value)) is not None}
    return PastMaterialization(asset=made.asset_key.to_user_string(), partition=made.partition, numbers=numbers)


def _number(value: dg.MetadataValue[Any]) -> float | None:
    """Return a number of metadata, ``None`` for what is none that can be compared."""
    if not isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) or value.value is None:
        return None
    try:
        number = float(value.value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _partition(tags: Mapping[str, str]) -> str | None:
    """Return the partition of a run, a range spelled by its ends, as tracking does."""
    first, last = (tags.get(name) for name in _RANGE)
    return tags.get(_PARTITION) or (f"{first}...{last}" if first and last else None)


def _why(entries: list[EventLogEntry]) -> str | None:
    """Return what Dagster said when the run failed."""
    told = [
        entry.dagster_event.message
        for entry in entries
        if entry.dagster_event is not None and entry.dagster_event.event_type is DagsterEventType.RUN_FAILURE
    ]
    return told[-1] if told else None


def _at(entry: EventLogEntry) -> datetime:
    return datetime.fromtimestamp(entry.timestamp, UTC)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
