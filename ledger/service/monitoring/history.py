"""The whole history of what is measured, with its times, for ``promtool tsdb create-blocks-from openmetrics``.

Rules:
- One sample per asset, metric and run: the value of the attempt that succeeded, at the time it was measured.
- Samples of a series follow each other in time, to the millisecond that Prometheus keeps; of two at one time the later
  told counts.
- What was accepted at the time is not known of the ledger, so baselines and regressions are not in it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client.core import Metric

from ledger.baselines import profile_name
from ledger.metrics import MetricRegistry
from ledger.projections import circumstances, samples
from ledger.projections.fold import of_kind, payload_fields
from ledger.report.monitoring.exposition import gauge
from ledger.report.monitoring.naming import FAMILIES, OF_METRIC, QUALITY, label
from ledger.store.protocol import EventQuery, LedgerStore, LedgerView
from ledger.units import RATIO

_JOB: Final = pa.schema([("job", pa.string())])
_MS: Final = 1000

Place = tuple[str, tuple[str, ...]]
"""Name of the family, and values of the labels."""


def history(store: LedgerStore, registry: MetricRegistry) -> list[Metric]:
    """Return the history as metrics with timestamps, in the order of ``FAMILIES``.

    Args:
        store: The ledger.
        registry: The declared metrics, which say what a quality ratio is.

    Raises:
        IntegrityError: Stored data is damaged.
        StoreError: The ledger could not be read.
    """
    quality = {name for name, metric in registry.items() if metric.kind == "quality" and metric.unit == RATIO}
    metrics = tuple(sorted({*OF_METRIC, *quality}))
    return store.consult(lambda view: list(_families(view, metrics)))


def _families(view: LedgerView, metrics: tuple[str, ...]) -> Iterator[Metric]:
    series: dict[Place, dict[int, float]] = {}
    for place, ts_ms, value in _samples(view, metrics):
        series.setdefault(place, {})[ts_ms] = value
    for family in FAMILIES.values():
        own = sorted((labels, values) for (name, labels), values in series.items() if name == family.name)
        if own:
            told = ((labels, values[ts_ms], ts_ms / _MS) for labels, values in own for ts_ms in sorted(values))
            yield gauge(family, told)


def _samples(view: LedgerView, metrics: tuple[str, ...]) -> Iterator[tuple[Place, int, float]]:
    """Yield family and labels, milliseconds since 1970 and value of each sample, in the order they were told."""
    told = view.read(EventQuery(kinds=(*circumstances.QUERY_KINDS, *samples.QUERY_KINDS[1:])))
    values = view.read(EventQuery(kinds=("metric_measured",), metrics=metrics))
    measured = samples.samples(pa.concat_tables([values, told]))
    jobs, profiles = _jobs(told), _profiles(told)
    times_ms = pc.floor(pc.divide(measured.column("ts").cast(pa.int64()).cast(pa.float64()), float(_MS)))
    names = ("run_id", "asset", "partition", "metric", "value")
    columns = (measured.column(name).to_pylist() for name in names)
    for ts_ms, run_id, asset, partition, metric, value in zip(times_ms.to_pylist(), *columns, strict=True):
        profile = profiles.get((run_id, asset, partition))
        place = label(jobs.get(run_id)), label(asset)
        family = OF_METRIC.get(metric, QUALITY)
        labels = (*place, label(profile)) if metric in OF_METRIC else (*place, label(metric), label(profile))
        yield (family.name, labels), int(ts_ms), value


def _jobs(told: pa.Table) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for kind in ("asset_started", "run_started"):
        rows = of_kind(told, kind)
        names = payload_fields(rows, _JOB).column("job").to_pylist()
        found |= {run: name for run, name in zip(rows.column("run_id").to_pylist(), names, strict=True) if name}
    return found


def _profiles(told: pa.Table) -> Mapping[tuple[str, str, str | None], str]:
    """Return the kind of machine by run, asset and partition."""
    machines = circumstances.machines(told)
    profiles = {digest: profile_name(machine.name) for digest, machine in machines.items()}
    table = circumstances.circumstances(told).select(["run_id", "asset", "partition", "environment_digest"])
    rows = zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True)
    return {(run, asset, part): profiles[digest] for run, asset, part, digest in rows if digest in profiles}
