"""Writes the past of an asset into a store: one run per value, with commit, configuration and machine."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetStarted,
    EnvironmentRecorded,
    Event,
    MetricMeasured,
    RunFinished,
    RunStarted,
    asset_stream,
    run_stream,
)
from ledger.events.batch import freeze
from ledger.store.protocol import LedgerStore

BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
UNITS: Final = {"duration_s": "s", "match_rate": "ratio", "rows_out": "rows", "peak_increase_bytes": "bytes"}


def noisy(n: int, *, level: float = 10.0, cv: float = 0.03, seed: int = 1) -> list[float]:
    """Return values of one level with lognormal noise."""
    return [level * float(value) for value in np.exp(np.random.default_rng(seed).normal(0.0, cv, n))]


def stepped(before: int, after: int, *, ratio: float, cv: float = 0.03, seed: int = 1) -> list[float]:
    """Return values that take another level."""
    values = noisy(before + after, cv=cv, seed=seed)
    return [value * (ratio if place >= before else 1.0) for place, value in enumerate(values)]


def run_name(number: int, job: str = "nightly") -> str:
    """Return the id of a run."""
    return f"{number:08x}-{job}"


def commit_name(number: int) -> str:
    """Return the commit of a run: another one every ten runs."""
    return f"{number // 10:08x}" + "0" * 32


def past(
    store: LedgerStore,
    values: Sequence[float] | dict[str, Sequence[float]],
    *,
    asset: str = "orders",
    job: str = "nightly",
    first: int = 0,
    hours: float = 1.0,
    offset_minutes: float = 0.0,
    config: Callable[[int], str] = lambda number: "c0" * 32,
    cores: Callable[[int], float] = lambda number: 2.0,
    packages: Callable[[int], str] = lambda number: "p0",
    commit: Callable[[int], str] = commit_name,
    partition: Callable[[int], str | None] = lambda number: None,
    ends: Callable[[int], bool] = lambda number: True,
    order: Sequence[int] | None = None,
) -> list[str]:
    """Record a run per value; return the run ids, oldest first.

    Args:
        store: Where to.
        values: Of ``duration_s``, or of several metrics.
        asset: The asset.
        job: Its job.
        first: Number of the first run.
        hours: From one run to the next.
        offset_minutes: When in the hour it begins.
        config: Configuration digest by number of the run.
        cores: Cores of the machine by number.
        packages: Digest of the packages by number.
        commit: Commit by number.
        partition: Partition by number.
        ends: Whether the asset succeeds, by number.
        order: In which order the runs are appended.
    """
    by_metric = values if isinstance(values, dict) else {"duration_s": values}
    count = len(next(iter(by_metric.values())))
    for place in order if order is not None else range(count):
        number = first + place
        run_id, ts = run_name(number, job), BEGAN + timedelta(hours=hours * number, minutes=offset_minutes)
        where = {"asset": asset, "run_id": run_id, "partition": partition(number)}
        environment = f"{cores(number)}-{packages(number)}"
        events: list[Event] = [
            AssetStarted(
                **where,
                output_assets=(asset,),
                job=job,
                host="worker",
                boot_id="boot",
                pid=number + 1,
                pid_started_ticks=number,
                code_version=commit(number),
                code_dirty=False,
                config_digest=config(number),
                environment_digest=environment,
            ),
            EnvironmentRecorded(
                **where,
                digest=environment,
                machine_class={"cpu_model": "EPYC", "cores": cores(number), "memory_class_gib": 32},
                software={"packages_digest": packages(number)},
                host={"hostname": "worker"},
            ),
            *(
                MetricMeasured(**where, metric=metric, value=float(series[place]), unit=UNITS[metric])
                for metric, series in by_metric.items()
            ),
            AssetFinished(**where, peak_method="vmhwm", sample_hz=10.0)
            if ends(number)
            else AssetFailed(
                **where, error_type="E", error_message="m", traceback="t", context={}, peak_method="vmhwm"
            ),
        ]
        stream = str(asset_stream(asset, run_id, where["partition"], 0))
        store.append(freeze(stream, [(ts + timedelta(seconds=5), event) for event in events]))
        _run(store, run_id, job, asset, ts)
    return [run_name(first + place, job) for place in range(count)]


def _run(store: LedgerStore, run_id: str, job: str, asset: str, ts: datetime) -> None:
    """Record the run itself, once."""
    if store.head(str(run_stream(run_id))) is not None:
        return
    started = RunStarted(run_id=run_id, job=job, launcher="cli", planned_assets=(asset,), tags={})
    finished = RunFinished(run_id=run_id, status="success")
    store.append(freeze(str(run_stream(run_id)), [(ts, started), (ts + timedelta(minutes=1), finished)]))
