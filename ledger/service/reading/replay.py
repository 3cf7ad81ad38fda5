"""Replays a ledger into what people look at: the projections, and the story of one run."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.events import (
    END_KINDS,
    AssetFailed,
    AssetLost,
    AssetStarted,
    BreakdownMeasured,
    ConfigurationResolved,
    EnvironmentRecorded,
    RecordedEvent,
)
from ledger.events.codec import from_table
from ledger.names import no_such
from ledger.projections import alerts, attempts, blocked, checks, runs, samples
from ledger.service.reading.standing import known_names, standing
from ledger.store.protocol import Cursor, EventQuery, LedgerStore, LedgerView

LATEST: Final = "latest"
_HERE: Final = "in the ledger"
Asked = ParamSpec("Asked")
Told = TypeVar("Told")
SUMMARY_METRICS: Final = ("duration_s", "peak_increase_bytes", "records_per_s", "match_rate", "precision", "recall")
_STORY_KINDS: Final = (
    "configuration_resolved",
    "environment_recorded",
    "asset_started",
    "asset_failed",
    "asset_lost",
    "breakdown_measured",
)


@dataclass(frozen=True, slots=True)
class RunStory:
    """Everything the ledger knows of one run.

    Attributes:
        run: Its row of the ``runs`` projection, as a table of one row.
        assets: Its attempts, with rows for the outputs of multi-assets.
        checks: Its evaluated checks.
        alerts: Its alerts.
        blocked: Assets that a gate kept from being made.
        breakdowns: Counts by class, in order.
        endings: Failures and losses.
        configuration: What was configured, ``None`` where nobody said.
        environment: Machine and software, ``None`` where nobody said.
        started: The first attempt that began, ``None`` when none did.
    """

    run: pa.Table
    assets: pa.Table
    checks: pa.Table
    alerts: pa.Table
    blocked: pa.Table
    breakdowns: tuple[BreakdownMeasured, ...]
    endings: tuple[AssetFailed | AssetLost, ...]
    configuration: ConfigurationResolved | None
    environment: EnvironmentRecorded | None
    started: AssetStarted | None


def _of_a_view(
    replay: Callable[Concatenate[LedgerView, Asked], Told],
) -> Callable[Concatenate[LedgerStore | LedgerView, Asked], Told]:
    """Let a replay of a view be asked of a store as well: of what is visible then, again where that is overtaken."""

    @wraps(replay)
    def asked(seen: LedgerStore | LedgerView, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Told:
        if isinstance(seen, LedgerStore):
            return seen.consult(lambda view: replay(view, *args, **kwargs))
        return replay(seen, *args, **kwargs)

    return asked


@_of_a_view
def replay_runs(view: LedgerView) -> pa.Table:
    """Return the runs of a ledger, oldest first."""
    return standing(view).runs


@_of_a_view
def replay_run(view: LedgerView, name: str) -> RunStory:
    """Return the story of a run.

    Args:
        view: The ledger.
        name: Run id, its unique beginning, or ``latest``.

    Raises:
        ConfigurationError: No run, or more than one, is called so.
    """
    run_id = find_run(view, name)
    events = view.read(standing(view).query_of(run_id))
    told = [entry.event for entry in from_table(_of(events, _STORY_KINDS))]
    return RunStory(
        run=runs.runs(events),
        assets=attempts.attempts(events, with_outputs=True),
        checks=checks.checks(events),
        alerts=alerts.alerts(events),
        blocked=blocked.blocked(events),
        breakdowns=tuple(event for event in told if isinstance(event, BreakdownMeasured)),
        endings=tuple(event for event in told if isinstance(event, AssetFailed | AssetLost)),
        configuration=next((event for event in told if isinstance(event, ConfigurationResolved)), None),
        environment=next((event for event in told if isinstance(event, EnvironmentRecorded)), None),
        started=next((event for event in told if isinstance(event, AssetStarted)), None),
    )


@_of_a_view
def find_run(view: LedgerView, name: str) -> str:
    """Return the id of the run that a name means; see ``replay_run``."""
    known = standing(view).runs
    ids: list[str] = known.column("run_id").to_pylist()
    if not ids:
        message = f"the ledger at {view.uri} has no runs yet; make one with `dagster-ledger run`"
        raise ConfigurationError(message)
    if name == LATEST:
        newest = known.sort_by([("started", "descending"), ("run_id", "ascending")])
        return str(newest.column("run_id")[0].as_py())
    if name in ids:
        return name
    matches = [run_id for run_id in ids if run_id.startswith(name)]
    if len(matches) == 1:
        return str(matches[0])
    if matches:
        message = f"{name!r} is the beginning of {len(matches)} runs ({', '.join(matches[:5])}); give more of the id"
        raise ConfigurationError(message)
    raise ConfigurationError(no_such("run", name, ids, _HERE))


@_of_a_view
def replay_samples(view: LedgerView, query: EventQuery, *, all_attempts: bool = False) -> pa.Table:
    """Return the samples of a query: one value per asset, partition, metric and run.

    Args:
        view: The ledger.
        query: Narrows by assets, metrics, runs and time.
        all_attempts: Also give values of attempts that did not succeed.

    Raises:
        ConfigurationError: An asset or a metric of the query is not in the ledger.
    """
    check_names(view, query)
    measured = EventQuery(
        kinds=("metric_measured",),
        assets=query.assets,
        metrics=query.metrics,
        run_ids=query.run_ids,
        since=query.since,
        until=query.until,
    )
    values = view.read(measured)
    return samples.samples(pa.concat_tables([values, *_ends_of(view, values)]), all_attempts=all_attempts)


def _ends_of(view: LedgerView, values: pa.Table) -> list[pa.Table]:
    """Return the ends of the attempts that values were measured in.

    An end is told of the subject its stream is named after, and segments are sorted by asset, so that most ends are
    found there; what is left, attempts that still run for the most part, is looked up by stream.
    """
    streams = pc.unique(values.column("stream"))
    subjects = pc.unique(pc.replace_substring_regex(streams, pattern="^[^/]*/([^/]*).*$", replacement=r"\1"))
    if len(streams) == 0:
        return []
    found = view.read(EventQuery(kinds=END_KINDS, assets=tuple(unquote(name) for name in subjects.to_pylist())))
    rest = streams.filter(pc.invert(pc.is_in(streams, pc.unique(found.column("stream")))))
    if len(rest) == 0:
        return [found]
    others = view.read(EventQuery(kinds=END_KINDS, streams=tuple(rest.to_pylist())))
    return [found, others]


@_of_a_view
def check_names(view: LedgerView, query: EventQuery) -> None:
    """Raise where a query names something the ledger does not hold: a typo must not look like an empty answer."""
    for column, wanted in (("asset", query.assets), ("metric", query.metrics)):
        known = known_names(view, column) if wanted else frozenset()
        for name in wanted:
            if name not in known:
                raise ConfigurationError(no_such(column, name, sorted(known), _HERE))
    for run_id in query.run_ids:
        find_run(view, run_id)


def events_after(store: LedgerStore, cursor: Cursor) -> tuple[list[RecordedEvent], Cursor]:
    """Return the events that became visible since, in order, and where to go on."""
    events, cursor = store.changes(cursor)
    return list(from_table(events)), cursor


def _of(events: pa.Table, kinds: tuple[str, ...]) -> pa.Table:
    return events.filter(pc.is_in(events.column("kind"), pa.array(kinds, pa.string())))


@_of_a_view
def replay_summary(view: LedgerView, run_ids: Iterable[str], metrics: tuple[str, ...] = SUMMARY_METRICS) -> pa.Table:
    """Return asset, metric, unit, number of runs, minimum, median and maximum over some runs.

    Args:
        view: The ledger.
        run_ids: Which runs.
        metrics: Which metrics.
    """
    found = samples.samples(view.read(EventQuery(kinds=samples.QUERY_KINDS, run_ids=tuple(run_ids))))
    chosen = found.filter(pc.is_in(found.column("metric"), pa.array(metrics, pa.string())))
    # The median is taken of sorted values, so that it does not depend on the order of rows.
    rows: dict[tuple[str, str, str], list[float]] = {}
    for row in chosen.select(["asset", "metric", "unit", "value"]).to_pylist():
        rows.setdefault((row["asset"], row["metric"], row["unit"]), []).append(row["value"])
    return pa.table(
        {
            "asset": pa.array([asset for asset, _, _ in rows], pa.string()),
            "metric": pa.array([metric for _, metric, _ in rows], pa.string()),
            "unit": pa.array([unit for _, _, unit in rows], pa.string()),
            "runs": pa.array([len(values) for values in rows.values()], pa.int64()),
            "minimum": pa.array([min(values) for values in rows.values()], pa.float64()),
            "median": pa.array([statistics.median(values) for values in rows.values()], pa.float64()),
            "maximum": pa.array([max(values) for values in rows.values()], pa.float64()),
        }
    ).sort_by([("asset", "ascending"), ("metric", "ascending")])
