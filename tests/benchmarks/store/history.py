"""A history as real runs write it, made column by column, so that ten million events take seconds.

Rules:
- Twelve assets a run, 25 events an attempt in two appends (2 at the start, 23 at the end), and 10 events of the run
  itself; kinds, payloads and the share of values that are whole numbers follow what the example pipeline records.
- Seconds are lognormal and ratios normal, with all the digits a clock or a division gives; bytes and rows are whole.
- All events of an append have one time, to the microsecond; a run begins about every five minutes.
- The same first run gives the same events, whatever was made before it.
"""

import json
import math
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa

from ledger.events.codec import canonical_json
from ledger.events.schema import FORMAT_VERSION, SCHEMA

ASSETS: Final = tuple(f"{name}_{stage}" for stage in ("raw", "clean", "matched") for name in ("a", "b", "c", "d"))
METRICS: Final = {
    "append_s": "s",
    "calibration_error": "ratio",
    "cpu_s": "s",
    "dataset_bytes": "bytes",
    "duplicate_rows": "rows",
    "duration_s": "s",
    "labelled_rows": "rows",
    "match_rate": "ratio",
    "matched_rows": "rows",
    "mean_confidence": "ratio",
    "metering_cpu_s": "s",
    "peak_increase_bytes": "bytes",
    "peak_rss_bytes": "bytes",
    "precision": "ratio",
    "recall": "ratio",
    "records_per_s": "rows/s",
    "rows_in": "rows",
    "rows_out": "rows",
    "start_rss_bytes": "bytes",
    "unmatched_rows": "rows",
}
"""What every attempt measures, with its unit, in the order it is recorded in."""

RUN_METRICS: Final = {
    "run_duration_s": "s",
    "run_cpu_s": "s",
    "run_peak_rss_bytes": "bytes",
    "run_rows_out": "rows",
    "run_assets": "count",
    "run_failed_assets": "count",
    "probe_s": "s",
}
APPENDS_A_RUN: Final = 2 * len(ASSETS) + 2
EVENTS_A_RUN: Final = len(ASSETS) * (2 + len(METRICS) + 3) + 3 + len(RUN_METRICS)

_BEGAN_US: Final = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
_EVERY_US: Final = 300_000_000
_PAGE_BYTES: Final = 4096
_TYPICAL_S: Final = np.geomspace(0.05, 15.0, len(ASSETS))
_TYPICAL_ROWS: Final = np.geomspace(1_500, 200_000, len(ASSETS)).astype(np.int64)
_CHECKED: Final = ("match_rate", "precision", None, None, "recall", "calibration_error")
_RUNS_A_COMMIT: Final = 20
_RUNS_A_BOOT: Final = 200
_FINISHED: Final = '{"peak_method":"vmhwm","sample_hz":10.0}'
_COLUMNS: Final = tuple(name for name in METRICS)


def runs_for(events: int) -> int:
    """Return how many runs have at least so many events."""
    return math.ceil(events / EVENTS_A_RUN)


def history(events: int, *, first_run: int = 0, at_a_time: int = 1_000_000) -> Iterator[pa.Table]:
    """Yield the events of a ledger in ``SCHEMA``, whole runs at a time, oldest first.

    Args:
        events: At least so many, and less than a run more.
        first_run: Where the history begins.
        at_a_time: About how many events a table has.
    """
    last = first_run + runs_for(events)
    step = runs_for(at_a_time)
    for start in range(first_run, last, step):
        yield made(start, min(step, last - start))


def made(first_run: int, runs: int) -> pa.Table:
    """Return the events of consecutive runs."""
    rng = np.random.default_rng([20_261_124, first_run])
    run_ids = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(runs)]
    values = _values(rng, runs)
    started, ended = _times(rng, first_run, values[..., _COLUMNS.index("duration_s")])
    circumstances = [_circumstances(rng, first_run + run) for run in range(runs)]
    attempts = _attempts(run_ids, values, started, ended, circumstances)
    return pa.concat_tables([attempts, _runs(rng, run_ids, values, started, ended)])


def twenty(events: int) -> pa.Table:
    """Return events in appends of twenty, one an attempt: 17 values, a check, a progress and the end."""
    table = pa.concat_tables(history(math.ceil(events * EVENTS_A_RUN / (20 * len(ASSETS)))))
    seq = table.column("seq").to_numpy()
    is_attempt = np.char.startswith(table.column("stream").to_numpy(zero_copy_only=False).astype("U6"), "asset/")
    kept = table.filter(pa.array(is_attempt & (seq >= 5)))
    renumbered = pa.array(kept.column("seq").to_numpy() - 5, pa.int32())
    kept = kept.set_column(kept.column_names.index("seq"), SCHEMA.field("seq"), renumbered)
    zeros = pa.array(np.zeros(kept.num_rows, np.int32))
    return kept.set_column(kept.column_names.index("batch"), SCHEMA.field("batch"), zeros)


def _values(rng: np.random.Generator, runs: int) -> np.ndarray:
    """Return the values of each run, asset and metric."""
    shape = (runs, len(ASSETS))
    duration = _TYPICAL_S * rng.lognormal(0.0, 0.1, shape)
    rows_in = rng.poisson(_TYPICAL_ROWS, shape)
    match_rate = np.clip(rng.normal(0.9, 0.01, shape), 0.0, 1.0)
    matched, duplicates = np.round(rows_in * match_rate), rng.poisson(280, shape)
    start_rss = _PAGE_BYTES * rng.normal(75_000, 5_000, shape).astype(np.int64)
    increase = _PAGE_BYTES * rng.lognormal(8.5, 0.5, shape).astype(np.int64)
    by_name = {
        "append_s": rng.lognormal(-6.0, 0.3, shape),
        "calibration_error": np.abs(rng.normal(0.02, 0.004, shape)),
        "cpu_s": duration * rng.normal(1.05, 0.05, shape),
        "dataset_bytes": np.round(rows_in * rng.normal(120.0, 1.0, shape)),
        "duplicate_rows": duplicates,
        "duration_s": duration,
        "labelled_rows": rng.poisson(1_100, shape),
        "match_rate": match_rate,
        "matched_rows": matched,
        "mean_confidence": rng.normal(0.97, 0.004, shape),
        "metering_cpu_s": rng.lognormal(-6.2, 0.4, shape),
        "peak_increase_bytes": increase,
        "peak_rss_bytes": start_rss + increase,
        "precision": np.clip(rng.normal(0.995, 0.001, shape), 0.0, 1.0),
        "recall": np.clip(rng.normal(0.94, 0.01, shape), 0.0, 1.0),
        "records_per_s": rows_in / duration,
        "rows_in": rows_in,
        "rows_out": rows_in - duplicates,
        "start_rss_bytes": start_rss,
        "unmatched_rows": rows_in - matched,
    }
    return np.stack([np.asarray(by_name[name], np.float64) for name in METRICS], axis=-1)


def _times(rng: np.random.Generator, first_run: int, duration_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when each attempt began and ended, in microseconds: one asset after the other, with gaps."""
    runs = len(duration_s)
    begin = _BEGAN_US + np.arange(first_run, first_run + runs) * _EVERY_US + rng.integers(0, 60_000_000, runs)
    took = (duration_s * 1e6).astype(np.int64)
    gaps = rng.integers(20_000, 120_000, took.shape)
    ended = begin[:, None] + np.cumsum(took + gaps, axis=1)
    return ended - took, ended


def _circumstances(rng: np.random.Generator, run: int) -> tuple[str, str]:
    """Return the payloads of *started* (with a mark where the asset goes) and of *environment* of a run."""
    commit = uuid.UUID(int=run // _RUNS_A_COMMIT * 0x9E3779B97F4A7C15 % (1 << 128)).hex + "60eb9bef"
    boot = uuid.UUID(int=run // _RUNS_A_BOOT * 0xC2B2AE3D27D4EB4F % (1 << 128))
    environment = f"c5f3ca97f728f700716991a8e1047e70c223cf55e5fd577444d87fa30ea{run // _RUNS_A_COMMIT % 99_991:05d}"
    started = {
        "asset_code_version": "1",
        "boot_id": str(boot),
        "code_dirty": False,
        "code_version": commit,
        "config_digest": "899821b1fda9c1f405728e24749297c4d8553a83399da3fb2e5ae2053bbdc1aa",
        "environment_digest": environment,
        "host": "worker",
        "job": "enrich",
        "output_assets": ["@"],
        "pid": int(rng.integers(1_000, 65_000)),
        "pid_namespace": 4_026_531_836,
        "pid_started_ticks": run % _RUNS_A_BOOT * 30_000 + int(rng.integers(0, 6_000)),
        "step_key": "@",
    }
    machine = {
        "digest": environment,
        "host": {
            "container": True,
            "hostname": "worker",
            "kernel": "6.12.0",
            "memory_total_bytes": 33_554_432_000,
        },
        "machine_class": {"arch": "x86_64", "cores": 2.0, "cpu_model": "AMD EPYC", "memory_class_gib": 32},
        "software": {"dagster": "1.13.27", "duckdb": "2.0.0", "numpy": "2.4.6", "packages_digest": commit * 2},
    }
    return canonical_json(started), canonical_json(machine)


def _attempts(
    run_ids: list[str],
    values: np.ndarray,
    started: np.ndarray,
    ended: np.ndarray,
    circumstances: list[tuple[str, str]],
) -> pa.Table:
    """Return the events of the attempts, attempt after attempt."""
    runs, assets = started.shape
    n, n_metrics = runs * assets, len(METRICS)
    kinds = ["asset_started", "environment_recorded", *["metric_measured"] * n_metrics]
    kinds += ["check_evaluated", "progress_reported", "asset_finished"]
    per = len(kinds)
    cells = np.full((n, per), np.nan)
    cells[:, 2 : 2 + n_metrics] = values.reshape(n, n_metrics)
    checks = [_check(asset % len(_CHECKED), values[run, asset]) for run in range(runs) for asset in range(assets)]
    cells[:, 2 + n_metrics] = [0.0 if value is None else value for _, value, _ in checks]
    rows = values[..., _COLUMNS.index("rows_in")].reshape(n)
    cells[:, 3 + n_metrics] = rows
    payloads = np.full((n, per), None, dtype=object)
    payloads[:, 0] = [begin.replace("@", asset) for begin, _ in circumstances for asset in ASSETS]
    payloads[:, 1] = [machine for _, machine in circumstances for _ in ASSETS]
    payloads[:, 2 + n_metrics] = [payload for _, _, payload in checks]
    payloads[:, 3 + n_metrics] = [f'{{"eta_s":0.0,"total":{total:.1f}}}' for total in rows]
    payloads[:, 4 + n_metrics] = _FINISHED
    position = np.tile(np.arange(per, dtype=np.int32), n)
    whole = np.repeat(np.arange(n, dtype=np.int32), per)
    metric_names = [None, None, *METRICS, None, None, None]
    units = [None, None, *METRICS.values(), None, "rows", None]
    checked = [metric for metric, _, _ in checks[:assets]]
    check_names = [_check_name(asset) for asset in range(assets)]
    metric = _coded(position, metric_names, at=(2 + n_metrics, whole % assets, checked))
    ts = np.where(position < 2, started.reshape(n)[whole], ended.reshape(n)[whole])
    streams = [f"asset/{asset}/{run_id}//0" for run_id in run_ids for asset in ASSETS]
    return _table(
        n * per,
        stream=_text(whole, streams),
        seq=pa.array(position),
        batch=pa.array((position >= 2).astype(np.int32)),
        ts=ts,
        kind=_text(position, kinds),
        asset=_text(whole % assets, list(ASSETS)),
        run_id=_text(whole // assets, run_ids),
        metric=metric,
        value=pa.array(cells.reshape(-1), mask=np.isnan(cells.reshape(-1))),
        unit=_text(position, units),
        status=_text(position, [*[None] * (2 + n_metrics), "passed", None, "success"]),
        severity=_text(position, [*[None] * (2 + n_metrics), "error", None, None]),
        check=_coded(position, [None] * per, at=(2 + n_metrics, whole % assets, check_names)),
        payload=pa.array(payloads.reshape(-1), pa.string()),
    )


def _check(which: int, values: np.ndarray) -> tuple[str | None, float | None, str]:
    """Return metric, value and payload of the check of an attempt."""
    metric = _CHECKED[which]
    if metric is None:
        return (
            None,
            None,
            '{"blocking":true,"description":"3 columns are there, without nulls","details":{"value":0.0}}',
        )
    value, threshold = float(values[_COLUMNS.index(metric)]), 0.7
    details = {
        "change_ratio": value / threshold - 1.0,
        "delta": value - threshold,
        "ledger/metric": metric,
        "threshold": threshold,
        "value": value,
    }
    told = f"{metric} is {value:.4g}, at least {threshold}"
    # Written by hand-made order of keys, which is the canonical one; the encoder itself would cost most of the time.
    return (
        metric,
        value,
        json.dumps(
            {"blocking": True, "description": told, "details": details, "threshold": threshold}, separators=(",", ":")
        ),
    )


def _check_name(asset: int) -> str:
    return f"{_CHECKED[asset % len(_CHECKED)] or 'required_columns'}_gate"


def _runs(
    rng: np.random.Generator, run_ids: list[str], values: np.ndarray, started: np.ndarray, ended: np.ndarray
) -> pa.Table:
    """Return the events of the runs themselves: the start with the configuration, the totals, the end."""
    n, per = len(run_ids), 3 + len(RUN_METRICS)
    cells = np.full((n, per), np.nan)
    totals = {
        "run_duration_s": (ended[:, -1] - started[:, 0]) / 1e6,
        "run_cpu_s": values[..., _COLUMNS.index("cpu_s")].sum(axis=1),
        "run_peak_rss_bytes": values[..., _COLUMNS.index("peak_rss_bytes")].max(axis=1),
        "run_rows_out": values[..., _COLUMNS.index("rows_out")].sum(axis=1),
        "run_assets": np.full(n, float(len(ASSETS))),
        "run_failed_assets": np.zeros(n),
        "probe_s": rng.normal(0.016, 0.001, n),
    }
    cells[:, 2 : 2 + len(RUN_METRICS)] = np.stack([totals[name] for name in RUN_METRICS], axis=-1)
    payloads = np.full((n, per), None, dtype=object)
    payloads[:, 0] = [_opening(rng.bytes(16).hex()) for _ in run_ids]
    payloads[:, 1] = _CONFIGURATION
    position = np.tile(np.arange(per, dtype=np.int32), n)
    whole = np.repeat(np.arange(n, dtype=np.int32), per)
    ts = np.where(position < 2, started[:, 0][whole] - 50_000, ended[:, -1][whole] + 150_000)
    return _table(
        n * per,
        stream=_text(whole, [f"run/{run_id}" for run_id in run_ids]),
        seq=pa.array(position),
        batch=pa.array((position >= 2).astype(np.int32)),
        ts=ts,
        kind=_text(
            position,
            ["run_started", "configuration_resolved", *["metric_measured"] * len(RUN_METRICS), "run_finished"],
        ),
        run_id=_text(whole, run_ids),
        metric=_text(position, [None, None, *RUN_METRICS, None]),
        value=pa.array(cells.reshape(-1), mask=np.isnan(cells.reshape(-1))),
        unit=_text(position, [None, None, *RUN_METRICS.values(), None]),
        status=_text(position, [*[None] * (per - 1), "success"]),
        payload=pa.array(payloads.reshape(-1), pa.string()),
    )


def _opening(launch_id: str) -> str:
    """Return the payload of *run started*."""
    return canonical_json(
        {
            "job": "enrich",
            "launch_id": launch_id,
            "launcher": "cli",
            "planned_assets": sorted(ASSETS),
            "tags": {
                "dagster_ledger/launch_id": launch_id,
                "dagster_ledger/log": f"/srv/dagster_home/logs/{launch_id[:8]}.log",
            },
        }
    )


_CONFIGURATION: Final = canonical_json(
    {
        "digest": "899821b1fda9c1f405728e24749297c4d8553a83399da3fb2e5ae2053bbdc1aa",
        "sources": {f"setting_{number:02d}": f"config/base.yaml:{number + 6}:1" for number in range(22)},
        "values": {f"setting_{number:02d}": number / 4 for number in range(22)},
    }
)


def _table(rows: int, *, ts: np.ndarray, **columns: pa.Array) -> pa.Table:
    """Return columns as a table in ``SCHEMA``; those that are not given are null."""
    versions = pa.array(np.full(rows, FORMAT_VERSION, np.int16))
    columns |= {"kind_version": pa.array(np.ones(rows, np.int16)), "writer_version": versions}
    columns["ts"] = pa.array(ts, pa.timestamp("us", tz="UTC"))
    return pa.table(
        [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in SCHEMA],
        schema=SCHEMA,
    )


def _text(codes: np.ndarray, words: Sequence[str | None]) -> pa.Array:
    """Return the word of each code as text."""
    return pa.array(words, pa.string()).take(pa.array(codes))


def _coded(
    position: np.ndarray, words: Sequence[str | None], *, at: tuple[int, np.ndarray, Sequence[str | None]]
) -> pa.Array:
    """Return the word of each position, except for one position, whose word another code tells."""
    place, codes, others = at
    return _text(np.where(position == place, len(words) + codes, position), [*words, *others])
