"""What some runs measured and under which circumstances: the values that comparisons, trends and A/A replays count in.

Rules:
- One value per asset, partition, metric and run: that of the attempt that succeeded, the last one told.
- Runs are in the order they began (then by id), whatever the order of rows or the number of files.
- Only what is asked for is read: the runs by id, narrowed to the time that they took.
- What a run did not record is ``None``: rows, probe, process, machine, configuration.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ledger.projections import circumstances as told
from ledger.projections import samples
from ledger.projections.circumstances import Machine
from ledger.projections.fold import of_kind
from ledger.service.reading.standing import standing
from ledger.store.protocol import EventQuery, LedgerView

Key: TypeAlias = tuple[str, str | None]
"""Asset and partition."""

_KINDS: Final = tuple(dict.fromkeys((*samples.QUERY_KINDS, *told.QUERY_KINDS)))
_TICK: Final = timedelta(microseconds=1)
_SPAN_RUNS: Final = 200
"""Runs that are read with one narrowing in time; more runs are read without being named one by one."""


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Under which circumstances one asset of one run was made; see ``ledger.projections.circumstances``."""

    process: str | None = None
    host: str | None = None
    boot_id: str | None = None
    code_version: str | None = None
    code_dirty: bool | None = None
    config_digest: str | None = None
    environment_digest: str | None = None
    dataset_id: str | None = None


UNKNOWN: Final = Circumstance()


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one metric of one asset and partition over runs.

    Attributes:
        asset: Asset key.
        partition: Partition, ``None`` without partitions.
        metric: Metric name.
        unit: Unit of the values.
        run_ids: Runs, in the order they began.
        values: Value of each run.
    """

    asset: str
    partition: str | None
    metric: str
    unit: str
    run_ids: tuple[str, ...]
    values: tuple[float, ...]

    @property
    def key(self) -> Key:
        """Asset and partition."""
        return self.asset, self.partition


@dataclass(frozen=True, slots=True)
class Observed:
    """What some runs measured.

    Attributes:
        run_ids: The runs, in the order they began.
        series: All series, ordered by asset, partition and metric.
        circumstances: By run, asset and partition.
        machines: By digest of the environment.
        probes_s: Mean machine probe of each run that took one, seconds.
    """

    run_ids: tuple[str, ...]
    series: tuple[Series, ...]
    circumstances: Mapping[tuple[str, str, str | None], Circumstance]
    machines: Mapping[str, Machine]
    probes_s: Mapping[str, float]
    _values: Mapping[tuple[str, str | None, str], Mapping[str, float]] = field(default_factory=dict, repr=False)

    def of(self, asset: str, partition: str | None, metric: str) -> Mapping[str, float]:
        """Return the values of a metric by run; empty where it was not measured."""
        return self._values.get((asset, partition, metric), {})

    def circumstance(self, run_id: str, key: Key) -> Circumstance:
        """Return the circumstances of an asset of a run, all unknown where nothing was recorded."""
        return self.circumstances.get((run_id, *key), UNKNOWN)

    def rows(self, run_id: str, key: Key) -> float | None:
        """Return the rows an asset of a run read, else made; ``None`` where nobody counted."""
        for metric in ("rows_in", "rows_out"):
            found = self.of(*key, metric).get(run_id)
            if found is not None:
                return found
        return None


def observe(
    view: LedgerView,
    run_ids: Iterable[str],
    *,
    assets: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> Observed:
    """Return what runs measured.

    Args:
        view: The ledger.
        run_ids: The runs; those that the ledger does not hold are left out.
        assets: Only series of these assets; all when empty.
        metrics: Only series of these metrics; all when empty. Rows and counts are known of all.
    """
    ordered = _in_order(view, set(run_ids))
    events = _events(view, ordered)
    place = {run_id: number for number, run_id in enumerate(ordered)}
    measured = samples.samples(events)
    found = _series(measured, place)
    values = {(one.asset, one.partition, one.metric): dict(zip(one.run_ids, one.values, strict=True)) for one in found}
    chosen = tuple(
        one for one in found if (not assets or one.asset in assets) and (not metrics or one.metric in metrics)
    )
    return Observed(ordered, chosen, _circumstances(events), told.machines(events), _probes(events), values)


def _in_order(view: LedgerView, wanted: set[str]) -> tuple[str, ...]:
    """Return those of the runs that the ledger holds, in the order they began."""
    known = standing(view).runs
    chosen = known.filter(pc.is_in(known.column("run_id"), pa.array(sorted(wanted), pa.string())))
    ordered = chosen.sort_by([("started", "ascending"), ("run_id", "ascending")])
    return tuple(ordered.column("run_id").to_pylist())


def _events(view: LedgerView, run_ids: tuple[str, ...]) -> pa.Table:
    """Return the events of runs that observing needs.

    The kinds are taken out here: the engine joins each list it is given, and two lists cost it five times one.
    """
    parts = [of_kind(view.read(query), *_KINDS) for query in _queries(view, run_ids)]
    return pa.concat_tables(parts) if parts else view.read(EventQuery(run_ids=("",)))


def _queries(view: LedgerView, run_ids: tuple[str, ...]) -> list[EventQuery]:
    """Return one query per stretch of runs that follow each other, narrowed to their time."""
    extents = standing(view).extents
    own = extents.filter(pc.is_in(extents.column("run_id"), pa.array(run_ids, pa.string())))
    spans = sorted(
        zip(*(own.column(name).to_pylist() for name in ("first_ts", "last_ts", "run_id")), strict=True),
    )
    queries = []
    for begin in range(0, len(spans), _SPAN_RUNS):
        part = spans[begin : begin + _SPAN_RUNS]
        queries.append(
            EventQuery(
                run_ids=tuple(run_id for _, _, run_id in part),
                since=part[0][0],
                until=max(last for _, last, _ in part) + _TICK,
            )
        )
    return queries


def _series(measured: pa.Table, place: Mapping[str, int]) -> tuple[Series, ...]:
    """Return the values as series; where a run holds a value twice, the one told last counts."""
    runs = pa.array(list(place), pa.string())
    numbered = measured.append_column("place", pc.index_in(measured.column("run_id"), runs))
    keys = ("asset", "partition", "metric", "place")
    once = numbered.group_by(list(keys), use_threads=False).aggregate([("value", "last"), ("unit", "last")])
    ordered = once.sort_by([(name, "ascending") for name in keys])
    columns = [ordered.column(name).to_pylist() for name in (*keys, "value_last", "unit_last")]
    names = list(place)
    grouped: dict[tuple[str, str | None, str], tuple[list[str], list[float], list[str]]] = {}
    for asset, partition, metric, number, value, unit in zip(*columns, strict=True):
        run_ids, values, units = grouped.setdefault((asset, partition, metric), ([], [], []))
        run_ids.append(names[number])
        values.append(value)
        units.append(unit)
    return tuple(
        Series(*key, units[-1], tuple(run_ids), tuple(values))
        for key, (run_ids, values, units) in sorted(grouped.items(), key=lambda item: _sortable(item[0]))
    )


def _circumstances(events: pa.Table) -> dict[tuple[str, str, str | None], Circumstance]:
    """Return the circumstances by run, asset and partition; of several attempts the last counts."""
    table = told.circumstances(events)
    names = ("run_id", "asset", "partition", *Circumstance.__dataclass_fields__)
    columns = [table.column(name).to_pylist() for name in names]
    return {row[:3]: Circumstance(*row[3:]) for row in zip(*columns, strict=True)}


def _probes(events: pa.Table) -> dict[str, float]:
    """Return the mean of the machine probes of each run; ``probe_s`` is taken at the start, the end and in between."""
    chosen = events.filter(pc.equal(events.column("metric"), "probe_s")).select(["run_id", "value"])
    ordered = chosen.sort_by([("run_id", "ascending"), ("value", "ascending")])
    folded = ordered.group_by("run_id", use_threads=False).aggregate([("value", "mean")])
    return dict(zip(folded.column("run_id").to_pylist(), folded.column("value_mean").to_pylist(), strict=True))


def _sortable(key: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple("" if part is None else str(part) for part in key)
