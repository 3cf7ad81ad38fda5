"""Takes runs over from another record of them, as events that say that nothing was measured.

Rules:
- The machine class of what is imported is the source and nothing else: it is equal to no machine that measured, so
  that trends keep imported values in series of their own. The gate and baselines never take them.
- An attempt is one append and a run is one, whatever is in them. The run comes last: a run without it, which an import
  that was killed leaves, is imported again, and gives the same bytes.
- A run that the ledger has is left alone, measured or imported: importing again adds nothing.
- Numbers of materialisations become metrics where their name is declared and means quality, size or rate, or is a
  project's own. All of them are kept in an event of their own.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ledger.errors import ConflictError
from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetLost,
    AssetStarted,
    EnvironmentRecorded,
    Event,
    MaterializationImported,
    MetricMeasured,
    RunFinished,
    RunImported,
    RunStarted,
    asset_stream,
    run_stream,
)
from ledger.events.batch import EventBatch, freeze
from ledger.events.codec import canonical_json
from ledger.events.run import IMPORTED
from ledger.metrics import BUILT_IN, MetricRegistry
from ledger.projections.circumstances import IMPORTED_FROM
from ledger.service.reading.standing import standing
from ledger.service.recording.past import PastAttempt, PastMaterialization, PastRun
from ledger.service.recording.span import Place
from ledger.store.protocol import LedgerStore

SOURCE: Final = "dagster_event_log"
SOURCE_NAME: Final = "Dagster's event log"
NOT_RECORDED: Final = (
    "cpu_s",
    "peak_rss_bytes",
    "peak_increase_bytes",
    "probe_s",
    "host",
    "code_version",
    "config_digest",
)
"""What Dagster's event log does not know of a run."""

_ROWS: Final = {"dagster/row_count": "rows_out", "dagster/partition_row_count": "rows_out"}
_TRUSTED_KINDS: Final = frozenset({"quality", "size", "rate"})
_WRITERS: Final = 8
"""Appends wait for the disk, not for the processor."""
_TOGETHER: Final = 256
"""Attempts that are appended together; the runs they belong to follow."""
_MESSAGE_CHARACTERS: Final = 4_000
_TRACEBACK_CHARACTERS: Final = 16_000
_MACHINE: Final = {IMPORTED_FROM: SOURCE_NAME}
_DIGEST: Final = hashlib.sha256(canonical_json({"machine_class": _MACHINE, "software": {}}).encode()).hexdigest()


@dataclass(slots=True)
class Taken:
    """What an import came to.

    Attributes:
        runs: Runs that were imported.
        attempts: Attempts in them.
        values: Values of metrics in them.
        conflicts: Runs of which the ledger holds something else under the same names; they were left alone.
        undeclared: Numbers that became no metric since nobody declared them: name to how often.
    """

    runs: int = 0
    attempts: int = 0
    values: int = 0
    conflicts: list[str] = field(default_factory=list)
    undeclared: dict[str, int] = field(default_factory=dict)


def known_runs(store: LedgerStore) -> frozenset[str]:
    """Return the runs that a ledger has wholly: those that said how they began."""
    rows = store.consult(lambda view: standing(view).runs).select(["run_id", "launcher"]).to_pylist()
    return frozenset(row["run_id"] for row in rows if row["launcher"] is not None)


def import_runs(
    store: LedgerStore,
    runs: Iterable[PastRun],
    registry: MetricRegistry = BUILT_IN,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Taken:
    """Append runs that the ledger does not have, and return what came of it.

    Args:
        store: The ledger.
        runs: The runs; none of them in ``known_runs``.
        registry: The declared metrics.
        progress: Gets the number of runs that are imported.

    Raises:
        StoreError: The medium refused; importing again goes on from there.
    """
    taken = Taken()
    with ThreadPoolExecutor(_WRITERS) as pool:
        for group in _groups(runs):
            frozen = [(run, _attempts(run, registry, taken)) for run in group]
            appends = [(run.run_id, batch) for run, batches in frozen for batch in batches]
            refused = {run_id for run_id in pool.map(lambda one: _append(store, *one), appends) if run_id}
            whole = [(run.run_id, _run(run, registry)) for run, _ in frozen if run.run_id not in refused]
            refused |= {run_id for run_id in pool.map(lambda one: _append(store, *one), whole) if run_id}
            taken.conflicts += sorted(refused)
            taken.runs += len(group) - len(refused)
            taken.attempts += sum(len(batches) for run, batches in frozen if run.run_id not in refused)
            progress(taken.runs)
    return taken


def rehearse(runs: Iterable[PastRun], registry: MetricRegistry = BUILT_IN) -> Taken:
    """Return what importing runs would come to, and append nothing."""
    taken = Taken()
    for run in runs:
        taken.attempts += len(_attempts(run, registry, taken))
        taken.runs += 1
    return taken


def _groups(runs: Iterable[PastRun]) -> Iterator[list[PastRun]]:
    """Yield runs in groups of about so many attempts that their appends fill the writers."""
    group: list[PastRun] = []
    attempts = 0
    for run in runs:
        group.append(run)
        attempts += len(run.attempts)
        if attempts >= _TOGETHER:
            yield group
            group, attempts = [], 0
    if group:
        yield group


def _append(store: LedgerStore, run_id: str, batch: EventBatch) -> str | None:
    """Append a batch; return the run where the ledger holds another one under its name."""
    try:
        store.append(batch)
    except ConflictError:
        return run_id
    return None


def _attempts(run: PastRun, registry: MetricRegistry, taken: Taken) -> list[EventBatch]:
    """Return an append for each attempt of a run."""
    batches = []
    for attempt in run.attempts:
        stream = asset_stream(attempt.subject, run.run_id, attempt.partition, attempt.number)
        batches.append(freeze(str(stream), list(_events(run, attempt, registry, taken))))
    return batches


def _events(
    run: PastRun, attempt: PastAttempt, registry: MetricRegistry, taken: Taken
) -> Iterator[tuple[datetime, Event]]:
    """Yield the events of an attempt with their times."""
    place: Place = {"asset": attempt.subject, "partition": attempt.partition, "run_id": run.run_id}
    yield (
        attempt.started,
        AssetStarted(
            **place,
            output_assets=attempt.output_assets,
            job=run.job,
            step_key=attempt.step_key,
            pid=attempt.pid,
            environment_digest=_DIGEST,
        ),
    )
    yield attempt.started, EnvironmentRecorded(**place, digest=_DIGEST, machine_class=_MACHINE, software={}, host={})
    for made in attempt.materializations:
        if made.numbers:
            yield (
                attempt.ended,
                MaterializationImported(
                    asset=made.asset, partition=made.partition, run_id=run.run_id, numbers=made.numbers
                ),
            )
    for (asset, metric), value in sorted(_values(attempt, registry, taken).items()):
        taken.values += 1
        yield (
            attempt.ended,
            MetricMeasured(
                asset=asset,
                partition=attempt.partition,
                run_id=run.run_id,
                metric=metric,
                value=value,
                unit=registry[metric].unit,
            ),
        )
    yield attempt.ended, _end(attempt, place)


def _values(attempt: PastAttempt, registry: MetricRegistry, taken: Taken) -> dict[tuple[str, str], float]:
    """Return what counts as measured of an attempt: value by asset and metric."""
    found: dict[tuple[str, str], float] = {}
    for made in _made_once(attempt):
        for name, value in made.numbers.items():
            metric = _metric_of(name, registry)
            if metric is None:
                taken.undeclared[name] = taken.undeclared.get(name, 0) + 1
            else:
                found[made.asset, metric] = value
    if attempt.duration_s is not None:
        found[attempt.subject, "duration_s"] = attempt.duration_s
        rows = found.get((attempt.subject, "rows_in"), found.get((attempt.subject, "rows_out")))
        if rows is not None and attempt.duration_s > 0.0:
            found[attempt.subject, "records_per_s"] = rows / attempt.duration_s
    return found


def _made_once(attempt: PastAttempt) -> list[PastMaterialization]:
    """Return what an attempt made once: of an asset made in several partitions no number stands for all of them."""
    counts: dict[str, int] = {}
    for made in attempt.materializations:
        counts[made.asset] = counts.get(made.asset, 0) + 1
    return [made for made in attempt.materializations if counts[made.asset] == 1]


def _metric_of(name: str, registry: MetricRegistry) -> str | None:
    """Return the metric that a number of this name is, ``None`` where it is none."""
    metric = _ROWS.get(name, name)
    declared = registry.get(metric)
    if declared is None:
        return None
    return metric if metric not in BUILT_IN or declared.kind in _TRUSTED_KINDS else None


def _end(attempt: PastAttempt, where: Place) -> Event:
    """Return how an attempt ended."""
    if attempt.ending == "success":
        return AssetFinished(**where, peak_method="none", sample_hz=0.0)
    if attempt.ending == "unknown":
        return AssetLost(
            **where,
            reason=f"{SOURCE_NAME} does not say how step {attempt.step_key} ended, and the run is over",
            last_seen_s=(attempt.ended - attempt.started).total_seconds(),
            context={},
        )
    error = attempt.error
    return AssetFailed(
        **where,
        status=attempt.ending,
        error_type=error.error_type if error else "",
        error_message=error.message[:_MESSAGE_CHARACTERS] if error else "",
        traceback=error.traceback[-_TRACEBACK_CHARACTERS:] if error else "",
        context={},
        peak_method="none",
    )


def _run(run: PastRun, registry: MetricRegistry) -> EventBatch:
    """Return the append of the run itself."""
    last = {(attempt.subject, attempt.partition): attempt.ending for attempt in run.attempts}
    totals = {
        "run_duration_s": (run.ended - run.started).total_seconds(),
        "run_assets": float(len(run.attempts)),
        "run_failed_assets": float(sum(ending != "success" for ending in last.values())),
    }
    opening = RunStarted(
        run_id=run.run_id, job=run.job, launcher=IMPORTED, planned_assets=run.planned_assets, tags=run.tags
    )
    imported = RunImported(
        run_id=run.run_id,
        source=SOURCE,
        source_status=run.source_status,
        attempts=len(run.attempts),
        not_recorded=NOT_RECORDED,
    )
    measured: list[Event] = [
        MetricMeasured(run_id=run.run_id, metric=name, value=value, unit=registry[name].unit)
        for name, value in totals.items()
    ]
    ended = [imported, *measured, RunFinished(run_id=run.run_id, status=run.status, message=run.message)]
    return freeze(str(run_stream(run.run_id)), [(run.started, opening), *((run.ended, event) for event in ended)])
