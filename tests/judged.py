"""Writes whole runs, with the circumstances that comparing needs, into a store; seeded, without Dagster."""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.events import (
    AssetFinished,
    AssetStarted,
    ConfigurationResolved,
    EnvironmentRecorded,
    Event,
    MetricMeasured,
    RunFinished,
    RunStarted,
    asset_stream,
    run_stream,
)
from ledger.events.batch import EventBatch, freeze
from ledger.metrics import BUILT_IN
from ledger.store.protocol import LedgerStore

BEGAN: Final = datetime(2026, 11, 1, tzinfo=UTC)
COMMIT: Final = "a1" * 20
SMALL: Final = {"cpu_model": "AMD EPYC", "cores": 2.0, "memory_class_gib": 8, "os": "Linux", "python": "3.11"}
LARGE: Final = SMALL | {"cores": 4.0}
NAME_OF_SMALL: Final = "AMD EPYC, 2 cores, 8 GiB class, Linux, Python 3.11"

Values = Mapping[str, Mapping[str, float]]


def batches(
    number: int,
    values: Values,
    *,
    run_id: str | None = None,
    job: str = "job",
    machine: Mapping[str, object] = SMALL,
    software: Mapping[str, object] = {"pyarrow": "19.0.0"},
    settings: Mapping[str, object] = {"chunk_size": 1000},
    commit: str | None = COMMIT,
    dirty: bool = False,
    ticks: int | None = None,
    partition: str | None = None,
    tags: Mapping[str, str] = {},
    status: str = "success",
    began: datetime = BEGAN,
    digests: tuple[str, str] | None = None,
) -> list[EventBatch]:
    """Return the appends of the run of this number: asset to metric to value; an hour between two runs.

    ``digests`` are those of configuration and environment, to be found of the other arguments where they are not given.
    """
    name = run_id or f"run-{number:03}"
    begin = began + timedelta(hours=number)
    config, environment = digests or (digest(settings), digest([machine, software]))
    opening: list[Event] = [
        RunStarted(run_id=name, job=job, launcher="cli", planned_assets=tuple(sorted(values)), tags=dict(tags)),
        ConfigurationResolved(run_id=name, digest=config, values=dict(settings), sources={}),
    ]
    first = freeze(str(run_stream(name)), [(begin, event) for event in opening])
    found = [first]
    for place, (asset, measured) in enumerate(sorted(values.items())):
        at = begin + timedelta(minutes=1 + place)
        told = {"asset": asset, "run_id": name, "partition": partition}
        events: list[Event] = [
            AssetStarted(
                **told,
                output_assets=(asset,),
                job=job,
                host="worker",
                boot_id="boot",
                pid=7,
                pid_namespace=1,
                pid_started_ticks=number + 1 if ticks is None else ticks,
                code_version=commit,
                code_dirty=dirty,
                config_digest=config,
                environment_digest=environment,
            ),
            EnvironmentRecorded(
                **told, digest=environment, machine_class=dict(machine), software=dict(software), host={}
            ),
            *(
                MetricMeasured(**told, metric=metric, value=value, unit=unit_of(metric))
                for metric, value in measured.items()
            ),
            AssetFinished(**told, peak_method="vmhwm", sample_hz=10.0),
        ]
        times = [at + timedelta(seconds=position) for position in range(len(events))]
        found.append(freeze(str(asset_stream(asset, name, partition, 0)), list(zip(times, events, strict=True))))
    end = begin + timedelta(minutes=50)
    found.append(freeze(str(run_stream(name)), [(end, RunFinished(run_id=name, status=status))], after=first))
    return found


def write(store: LedgerStore, appends: Iterable[EventBatch]) -> None:
    for batch in appends:
        store.append(batch)


def story(
    count: int, *, slower: float = 1.0, since: int = 10**6, seed: int = 7, noise: float = 0.02, first: int = 0
) -> list[tuple[int, dict[str, dict[str, float]]]]:
    """Return number and values of runs of three assets; ``first_asset`` is slower from a run on."""
    rng = random.Random(seed)
    runs = []
    for number in range(first, first + count):
        factor = slower if number >= since else 1.0
        runs.append(
            (
                number,
                {
                    "loaded": measured(rng, 10.0 * factor, noise),
                    "matched": measured(rng, 20.0, noise) | {"match_rate": 0.9, "scope_rows": 1000.0},
                    "published": measured(rng, 5.0, noise),
                },
            )
        )
    return runs


def measured(rng: random.Random, duration_s: float, noise: float) -> dict[str, float]:
    took = duration_s * rng.lognormvariate(0.0, noise)
    return {
        "duration_s": took,
        "cpu_s": took * 0.9,
        "peak_increase_bytes": 100.0 * 2**20 * rng.lognormvariate(0.0, 0.01),
        "peak_rss_bytes": 300.0 * 2**20,
        "rows_in": 1000.0,
        "rows_out": 1000.0,
        "records_per_s": 1000.0 / took,
        "append_s": 0.001,
        "probe_s": 0.03,
    }


def unit_of(metric: str) -> str:
    return BUILT_IN[metric].unit if metric in BUILT_IN else "s"


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
