"""Histories: one value per run of each asset and metric, with what it takes to tell which runs may be compared.

Rules:
- Only attempts that succeeded count, and each run gives one value per asset, partition and metric: the last one.
- Comparable are runs of one machine class and one configuration. The machine class is told by a digest of what makes
  machines comparable; the software on it is not part of that, since a new version of a library is a cause to be found.
- A partition that ran at least ten times has a series of its own. The others, daily ones for instance, follow each
  other in one series; a run that made several of them gives their median.
- Values are in the order of their time, then of the run id, whatever order the events come in.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import END_KINDS
from ledger.events.codec import canonical_json
from ledger.projections.circumstances import Machine
from ledger.projections.fold import asset_streams, of_kind, payload_fields

CIRCUMSTANCE_KINDS: Final = ("asset_started", "environment_recorded", *END_KINDS)
"""The event kinds that tell of attempts; those of the values are ``metric_measured``."""

PARTITION_RUNS: Final = 10
"""Runs from which on a partition has a series of its own: fewer are no trend."""

MANY_PARTITIONS: Final = "*"
"""Stands for the partitions that share a series."""

_UNKNOWN: Final = "unknown"
_DIGITS: Final = 12
_STARTED: Final = pa.schema(
    [("code_version", pa.string()), ("config_digest", pa.string()), ("environment_digest", pa.string())]
)
_KEY: Final = ("asset", "partition", "metric", "machine", "config_digest")
_ORDER: Final = tuple((name, "ascending") for name in (*_KEY, "ts", "run_id", "stream", "seq"))


@dataclass(frozen=True, slots=True)
class Histories:
    """The values of many series.

    Attributes:
        rows: Columns ``stream``, ``seq``, ``ts``, ``asset``, ``partition``, ``metric``, ``value``, ``unit``,
            ``run_id``, ``code_version``, ``config_digest``, ``machine`` and ``packages``, one row per value.
        machines: Machine class for people, by digest.
    """

    rows: pa.Table
    machines: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The comparable values of one metric of one asset, in run order.

    Attributes:
        asset: Asset key.
        partition: Partition, ``*`` for several that share the series, ``None`` without partitions.
        metric: Metric name.
        unit: Base unit.
        machine: Digest of the machine class.
        config_digest: Digest of the configuration.
        values: Shape (n,), float64, one per run.
        times_s: Shape (n,), seconds since 1970, ascending.
        run_ids: Run of each value.
        commits: Commit of each, ``None`` where nobody knew.
        packages: Digest of the installed packages of each, ``None`` where nobody knew.
    """

    asset: str
    partition: str | None
    metric: str
    unit: str
    machine: str
    config_digest: str
    values: npt.NDArray[np.float64]
    times_s: npt.NDArray[np.float64]
    run_ids: tuple[str, ...]
    commits: tuple[str | None, ...]
    packages: tuple[str | None, ...]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Asset, partition (empty without one), metric, machine and configuration."""
        return (self.asset, self.partition or "", self.metric, self.machine, self.config_digest)

    @property
    def series_id(self) -> str:
        """The key as 32 hex digits."""
        return hashlib.sha256(canonical_json(list(self.key)).encode()).hexdigest()[:32]


def histories(events: pa.Table) -> Histories:
    """Return every value with its circumstances.

    Args:
        events: Events of ``CIRCUMSTANCE_KINDS`` and ``metric_measured`` at least; left untouched.
    """
    rows = asset_streams(events)
    ends = of_kind(rows, *END_KINDS)
    well = ends.filter(pc.equal(ends.column("status"), "success")).column("stream")
    measured = of_kind(rows, "metric_measured")
    measured = measured.filter(pc.is_in(measured.column("stream"), pa.array(well.to_pylist(), pa.string())))
    names = ["stream", "seq", "ts", "asset", "partition", "metric", "value", "unit", "run_id"]
    machines, labels = _machines(of_kind(rows, "environment_recorded"))
    table = _with_circumstances(measured.select(names), of_kind(rows, "asset_started"), machines)
    return Histories(_one_per_run(_with_partitions(table)), labels)


def series_of(found: Histories) -> list[Series]:
    """Return the series of histories, ordered by key."""
    table = found.rows.sort_by(list(_ORDER)).combine_chunks()
    columns = {name: table.column(name).to_pylist() for name in (*_KEY, "unit", "run_id", "code_version", "packages")}
    values = table.column("value").to_numpy()
    times_s = table.column("ts").cast(pa.int64()).to_numpy() / 1e6
    return [
        Series(
            asset=columns["asset"][start],
            partition=columns["partition"][start],
            metric=columns["metric"][start],
            unit=columns["unit"][start],
            machine=columns["machine"][start],
            config_digest=columns["config_digest"][start],
            values=values[start:stop].astype(np.float64),
            times_s=times_s[start:stop],
            run_ids=tuple(columns["run_id"][start:stop]),
            commits=tuple(columns["code_version"][start:stop]),
            packages=tuple(columns["packages"][start:stop]),
        )
        for start, stop in _stretches([columns[name] for name in _KEY])
    ]


def _stretches(keys: list[list[Any]]) -> Iterator[tuple[int, int]]:
    """Yield where rows with the same key begin and end."""
    whole = list(zip(*keys, strict=True))
    start = 0
    for stop in range(1, len(whole) + 1):
        if stop == len(whole) or whole[stop] != whole[start]:
            yield start, stop
            start = stop


def _machines(recorded: pa.Table) -> tuple[dict[str, tuple[str, str | None]], dict[str, str]]:
    """Return machine and packages by environment digest, and what people call each machine."""
    found: dict[str, tuple[str, str | None]] = {}
    labels: dict[str, str] = {}
    for payload in sorted(pc.unique(recorded.column("payload")).drop_null().to_pylist()):
        said = json.loads(payload)
        machine_class = said.get("machine_class") or {}
        machine = hashlib.sha256(canonical_json(machine_class).encode()).hexdigest()[:_DIGITS]
        found[str(said.get("digest"))] = (machine, (said.get("software") or {}).get("packages_digest"))
        labels[machine] = Machine(machine, machine_class).name
    return found, labels


def _with_circumstances(
    measured: pa.Table, started: pa.Table, machines: Mapping[str, tuple[str, str | None]]
) -> pa.Table:
    """Return values with commit, configuration, machine and packages of their attempt."""
    said = payload_fields(started, _STARTED)
    environments = said.column("environment_digest").to_pylist()
    told = [machines.get(digest or "", (_UNKNOWN, None)) for digest in environments]
    place = pc.index_in(measured.column("stream"), pa.array(started.column("stream").to_pylist(), pa.string()))
    columns = {
        "code_version": said.column("code_version").combine_chunks(),
        "config_digest": pc.fill_null(said.column("config_digest").combine_chunks(), _UNKNOWN),
        "machine": pa.array([machine for machine, _ in told], pa.string()),
        "packages": pa.array([packages for _, packages in told], pa.string()),
    }
    for name, column in columns.items():
        flat = column if isinstance(column, pa.Array) else pa.array(column.to_pylist(), pa.string())
        taken = flat.take(place.combine_chunks()) if place.num_chunks else pa.array([], pa.string())
        fallback = _UNKNOWN if name in _KEY else None
        measured = measured.append_column(name, pc.fill_null(taken, fallback) if fallback else taken)
    return measured


def _with_partitions(table: pa.Table) -> pa.Table:
    """Return the rows with the partitions that ran seldom renamed to ``*``."""
    partition = table.column("partition")
    if partition.null_count == table.num_rows:
        return table
    counted = table.group_by(["asset", "partition"], use_threads=False).aggregate([("run_id", "count_distinct")])
    often = {
        (row["asset"], row["partition"])
        for row in counted.to_pylist()
        if row["partition"] is None or row["run_id_count_distinct"] >= PARTITION_RUNS
    }
    pairs = zip(table.column("asset").to_pylist(), partition.to_pylist(), strict=True)
    renamed = [pair[1] if pair in often else MANY_PARTITIONS for pair in pairs]
    return table.set_column(table.column_names.index("partition"), "partition", pa.array(renamed, pa.string()))


def _one_per_run(table: pa.Table) -> pa.Table:
    """Return one row per run and series: the last value, or the median where several partitions share the series."""
    keys = ["run_id", *_KEY]
    others = [name for name in table.column_names if name not in keys]
    ordered = table.sort_by(list(_ORDER))
    shared = pc.fill_null(pc.equal(ordered.column("partition"), MANY_PARTITIONS), fill_value=False)
    single, many = ordered.filter(pc.invert(shared)), ordered.filter(shared)
    last = single.group_by(keys, use_threads=False).aggregate([(name, "last") for name in others])
    folded = last.rename_columns({f"{name}_last": name for name in others}).select(table.column_names)
    return folded if many.num_rows == 0 else pa.concat_tables([folded, _medians(many, keys).cast(folded.schema)])


def _medians(many: pa.Table, keys: list[str]) -> pa.Table:
    """Return the last row of each run with the median of its values in it."""
    rows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in many.to_pylist():
        rows.setdefault(tuple(row[name] for name in keys), []).append(row)
    folded = [{**group[-1], "value": float(np.median([row["value"] for row in group]))} for group in rows.values()]
    return pa.Table.from_pylist(folded, schema=many.schema)
