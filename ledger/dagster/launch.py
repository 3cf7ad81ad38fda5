"""Launches one run of a code location's job in this process, and writes how the run ended.

Rules:
- The job is reconstructable, so that the multiprocess executor can build it again in every step's process.
- Wrong names are told before anything runs, with the name that was probably meant.
- The run's stream gets *finished* with what its assets add up to, whatever happened.
"""

import difflib
import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

import dagster as dg

from ledger.dagster.session import open_session
from ledger.errors import ConfigurationError, LedgerError
from ledger.events import Event, MetricMeasured, RunFinished, run_stream
from ledger.measure import run_probe
from ledger.metrics import lookup
from ledger.projections.runs import QUERY_KINDS, runs
from ledger.service.recorder import StreamRecorder
from ledger.store.protocol import EventQuery

EXECUTORS: Final = ("in_process", "multiprocess")
PARTITION_TAG: Final = "dagster/partition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to run.

    Attributes:
        module: Import name of the code location, for instance ``assets.definitions``.
        job: Job name; all assets when ``None``.
        assets: Asset keys to make; all of the job when empty.
        partition: Partition key.
        executor: ``in_process`` or ``multiprocess``; the job's own when ``None``.
        tags: Run tags.
        run_config: Dagster run configuration.
    """

    module: str
    job: str | None = None
    assets: tuple[str, ...] = ()
    partition: str | None = None
    executor: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How a run ended: its id, whether it succeeded, and one sentence per failed step."""

    run_id: str
    success: bool
    failures: tuple[str, ...]


def job_names(module: str) -> tuple[str, ...]:
    """Return the names of the jobs of a code location, sorted.

    Raises:
        ConfigurationError: The module cannot be loaded, or holds no definitions.
    """
    repository = load_definitions(module).get_repository_def()
    return tuple(sorted(name for name in repository.job_names if not name.startswith("__")))


def load_definitions(module: str) -> dg.Definitions:
    """Return the definitions of a code location.

    Raises:
        ConfigurationError: The module cannot be loaded, or holds no definitions.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = (
            f"code location {module!r} cannot be imported ({error}); name it with -m, from the project's directory"
        )
        raise ConfigurationError(message) from error
    found = _definitions_in(loaded)
    if found is None:
        message = f"module {module!r} holds no Definitions; name the module that holds them with -m"
        raise ConfigurationError(message)
    return found


def resolve_job(module: str, job: str | None) -> dg.JobDefinition:
    """Return a job of a code location, the one over all assets when no name is given.

    Raises:
        ConfigurationError: There is no such job.
    """
    definitions = load_definitions(module)
    if job is None:
        return definitions.resolve_implicit_global_asset_job_def()
    known = job_names(module)
    if job not in known:
        raise ConfigurationError(_no_such("job", job, known))
    return definitions.resolve_job_def(job)


def execute(launch: Launch) -> LaunchResult:
    """Run a job to its end and return how it ended.

    Args:
        launch: What to run; names are checked first.

    Raises:
        ConfigurationError: A name is wrong, or the job cannot be run like that.
        StoreError: The ledger cannot be written.
    """
    session = open_session()
    job = resolve_job(launch.module, launch.job)
    selection = _selection(job, launch.assets)
    tags = dict(launch.tags)
    if launch.partition is not None:
        tags[PARTITION_TAG] = _partition(job, launch.partition)
    target = dg.build_reconstructable_job(
        "ledger.dagster.launch",
        "resolve_job",
        reconstructable_kwargs={"module": launch.module, "job": launch.job},
    )
    with dg.DagsterInstance.get() as instance:
        try:
            result = dg.execute_job(
                target,
                instance=instance,
                run_config=_run_config(launch),
                tags=tags,
                asset_selection=selection,
                raise_on_error=False,
            )
        except (dg.DagsterInvalidConfigError, dg.DagsterInvariantViolationError) as error:
            message = f"job {job.name!r} cannot be run like this: {' '.join(str(error).split())[:400]}"
            raise ConfigurationError(message) from error
        failures = tuple(_failure(event) for event in result.all_events if event.is_step_failure)
        canceled = instance.get_run_by_id(result.run_id)
        status = _status(result.success, canceled.status if canceled else None)
    close_run(session.store.uri, result.run_id, status, "; ".join(failures) or None)
    return LaunchResult(result.run_id, result.success, failures)


def close_run(ledger_uri: str, run_id: str, status: str, message: str | None) -> None:
    """Append how a run ended, with what its assets add up to and a last machine probe."""
    session = open_session(ledger_uri)
    stream = run_stream(run_id)
    head = session.store.head(str(stream))
    folded = runs(session.store.read(EventQuery(kinds=QUERY_KINDS, run_ids=(run_id,))))
    if head is None or folded.num_rows == 0:
        return  # No tracked asset began, so there is nothing to sum up.
    row = folded.to_pylist()[0]
    totals = {
        "run_duration_s": row["duration_s"],
        "run_cpu_s": row["cpu_s"],
        "run_peak_rss_bytes": row["peak_rss_bytes"],
        "run_rows_out": row["rows_out"],
        "run_assets": row["assets"],
        "run_failed_assets": row["unsuccessful"],
        "probe_s": run_probe(),
    }
    events: list[Event] = [
        MetricMeasured(run_id=run_id, metric=name, value=float(value), unit=lookup(session.registry, name).unit)
        for name, value in totals.items()
        if value is not None
    ]
    recorder = StreamRecorder(session.store, stream, registry=session.registry, head=head)
    recorder.record(*events, RunFinished(run_id=run_id, status=status, message=message))


def _definitions_in(module: ModuleType) -> dg.Definitions | None:
    """Return the definitions a module holds, as an object or behind ``@dg.definitions``."""
    for value in vars(module).values():
        if isinstance(value, dg.Definitions):
            return value
    lazy = getattr(module, "defs", None)
    made = lazy() if callable(lazy) else None
    return made if isinstance(made, dg.Definitions) else None


def _selection(job: dg.JobDefinition, names: tuple[str, ...]) -> list[dg.AssetKey] | None:
    """Return the asset keys of these names, ``None`` for all."""
    if not names:
        return None
    known = {key.to_user_string(): key for key in job.asset_layer.executable_asset_keys}
    for name in names:
        if name not in known:
            raise ConfigurationError(_no_such("asset", name, known))
    return [known[name] for name in names]


def _partition(job: dg.JobDefinition, key: str) -> str:
    """Return the partition key if the job has it."""
    partitions = job.partitions_def
    if partitions is None:
        message = f"job {job.name!r} has no partitions; leave --partition away"
        raise ConfigurationError(message)
    if not partitions.has_partition_key(key):
        raise ConfigurationError(_no_such("partition", key, partitions.get_partition_keys()[-50:]))
    return key


def _run_config(launch: Launch) -> dict[str, object]:
    """Return the run configuration with the executor that was asked for."""
    config = dict(launch.run_config)
    if launch.executor is not None:
        if "execution" in config:
            message = "the run configuration chooses an executor already; leave --executor away"
            raise ConfigurationError(message)
        config["execution"] = {"config": {launch.executor: {}}}
    return config


def _status(success: bool, final: dg.DagsterRunStatus | None) -> str:  # noqa: FBT001 - two facts of one result
    if success:
        return "success"
    return "canceled" if final in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING} else "failed"


def _failure(event: dg.DagsterEvent) -> str:
    """Return one sentence on a failed step: the asset's own exception, not Dagster's wrapping of it."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    text = " ".join(error.message.split()) if error else "no reason was given"
    return f"{event.step_key}: {text[:400]}"


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that does not exist."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"there is no {what} {name!r}; did you mean {close[0]!r}?"
    return f"there is no {what} {name!r}; known are {', '.join(names[:20]) or 'none'}"


def run_ended(run_id: str) -> str | None:
    """Return the final status Dagster knows for a run, ``None`` while it runs or where Dagster does not know it."""
    try:
        with dg.DagsterInstance.get() as instance:
            run = instance.get_run_by_id(run_id)
    except dg.DagsterError as error:
        raise LedgerError(str(error)) from error
    return run.status.value if run is not None and run.is_finished else None
