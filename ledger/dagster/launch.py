"""Launches one run of a code location's job in this process, and writes how the run ended.

Rules:
- The job is reconstructable, so that the multiprocess executor can build it again in every step's process.
- Wrong names are told before anything runs, with the name that was probably meant.
- The run's stream gets *finished* with what its assets add up to, whatever happened.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from ledger.dagster.closing import close_run
from ledger.dagster.location import reconstructable_job, resolve_job
from ledger.dagster.run_settings import settings_of
from ledger.dagster.session import Session, open_run, open_session, run_started
from ledger.dagster.span import close_abandoned
from ledger.dagster.step import LAUNCH_TAG
from ledger.errors import ConfigurationError
from ledger.names import no_such

EXECUTORS: Final = ("in_process", "multiprocess")
PARTITION_TAG: Final = "dagster/partition"

_INTERRUPTIONS: Final = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt"})
_OF_MEDIUM: Final = frozenset({"SchedulerUnreachableError", "StoreError", "VanishedError"})
"""Dagster keeps of an exception only what its class is called."""

_CANNOT_RUN: Final = (
    dg.DagsterInvalidConfigError,
    dg.DagsterInvalidDefinitionError,
    dg.DagsterInvalidSubsetError,
    dg.DagsterInvariantViolationError,
)


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
        from_failure: Run whose failed and left out steps are executed again; the rest of it is taken as made.
    """

    module: str
    job: str | None = None
    assets: tuple[str, ...] = ()
    partition: str | None = None
    executor: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, object] = field(default_factory=dict)
    from_failure: str | None = None


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How a run ended: its id, whether it succeeded, one sentence per failed step, and whether a medium refused.

    Attributes:
        run_id: Dagster run id.
        success: Whether all steps succeeded.
        failures: One sentence per failed step.
        is_medium: Whether every step that failed did so for a full disk, a read-only place or the like.
    """

    run_id: str
    success: bool
    failures: tuple[str, ...]
    is_medium: bool = False


def execute(launch: Launch) -> LaunchResult:
    """Run a job to its end and return how it ended.

    Args:
        launch: What to run; names are checked first.

    Raises:
        ConfigurationError: A name is wrong, or the job cannot be run like that.
        StoreError: The ledger cannot be written.
    """
    session = open_session(resolved=settings_of(launch.tags))
    job = resolve_job(launch.module, launch.job)
    selection = _selection(job, launch.assets)
    run_config = _run_config(launch)
    tags = {LAUNCH_TAG: uuid.uuid4().hex, **launch.tags}
    with dg.DagsterInstance.get() as instance:
        if launch.partition is not None:
            tags[PARTITION_TAG] = _partition(job, selection, launch.partition, instance)
        ended = _Ended()
        try:
            result = dg.execute_job(
                reconstructable_job(launch.module, job.name),
                instance=instance,
                run_config=run_config,
                tags=tags,
                asset_selection=selection,
                reexecution_options=_again(launch, instance),
                raise_on_error=False,
            )
            ended = _ended(result)
        except _CANNOT_RUN as error:
            ended = _Ended((f"job {job.name!r} cannot be run like this: {' '.join(str(error).split())[:400]}",))
            raise ConfigurationError(ended.failures[0]) from error
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            ended = _Ended(("interrupted",), interrupted=True)
            raise
        finally:
            _close(instance, session, job, tags[LAUNCH_TAG], ended)
    return LaunchResult(result.run_id, result.success, ended.failures, ended.is_medium)


@dataclass(frozen=True, slots=True)
class _Ended:
    """What is known of a run's end: one sentence per failed step, whether a person or a medium ended it."""

    failures: tuple[str, ...] = ()
    interrupted: bool = False
    is_medium: bool = False


def _close(
    instance: dg.DagsterInstance, session: Session, job: dg.JobDefinition, launch_id: str, ended: _Ended
) -> None:
    """Write the end of the run that was launched, and its start where no tracked asset came to it."""
    filters = dg.RunsFilter(tags={LAUNCH_TAG: launch_id})
    for run in instance.get_runs(filters=filters, limit=1):  # None where Dagster refused before there was a run.
        close_abandoned(run.run_id)
        open_run(session, run_started(run, _planned(run, job)), run.run_config)
        close_run(session, job, run.run_id, _status(run, ended), "; ".join(ended.failures) or None)


def _selection(job: dg.JobDefinition, names: tuple[str, ...]) -> list[dg.AssetKey] | None:
    """Return the asset keys of these names, ``None`` for all."""
    if not names:
        return None
    known = {key.to_user_string(): key for key in job.asset_layer.executable_asset_keys}
    for name in names:
        if name not in known:
            raise ConfigurationError(no_such("asset", name, known))
    return [known[name] for name in names]


def _partition(
    job: dg.JobDefinition, selection: list[dg.AssetKey] | None, key: str, instance: dg.DagsterInstance
) -> str:
    """Return the partition key if what is to run has it."""
    keys = selection or job.asset_layer.selected_asset_keys
    found = {job.asset_layer.asset_graph.get(asset).partitions_def for asset in keys} | {job.partitions_def}
    found.discard(None)
    if len(found) > 1:
        message = f"the assets of job {job.name!r} are not partitioned alike; name assets that are with --asset"
        raise ConfigurationError(message)
    partitions = next(iter(found), None)
    if partitions is None:
        message = f"job {job.name!r} has no partitions; leave --partition away"
        raise ConfigurationError(message)
    known = partitions.get_partition_keys(dynamic_partitions_store=instance)
    if key not in known:
        raise ConfigurationError(no_such("partition", key, known[-50:]))
    return key


def _again(launch: Launch, instance: dg.DagsterInstance) -> dg.ReexecutionOptions | None:
    """Return how a failed run is executed again, ``None`` for a run of its own."""
    if launch.from_failure is None:
        return None
    if instance.get_run_by_id(launch.from_failure) is None:
        message = f"Dagster's instance knows no run {launch.from_failure}; set DAGSTER_HOME to the one it was made in"
        raise ConfigurationError(message)
    return dg.ReexecutionOptions.from_failure(launch.from_failure, instance)


def _run_config(launch: Launch) -> dict[str, object]:
    """Return the run configuration with the executor that was asked for."""
    config = dict(launch.run_config)
    if launch.executor is not None:
        if "execution" in config:
            message = "the run configuration chooses an executor already; leave --executor away"
            raise ConfigurationError(message)
        config["execution"] = {"config": {launch.executor: {}}}
    return config


def _planned(run: dg.DagsterRun, job: dg.JobDefinition) -> tuple[str, ...]:
    """Return the keys of all assets the run meant to make, sorted."""
    chosen = run.asset_selection or job.asset_layer.selected_asset_keys
    return tuple(sorted(key.to_user_string() for key in chosen))


def _status(run: dg.DagsterRun, ended: _Ended) -> str:
    """Return how a run ended; Dagster itself calls an interrupted one failed unless its UI was asked to end it."""
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return "success"
    canceled = run.status in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING}
    return "canceled" if canceled or ended.interrupted else "failed"


def _ended(result: dg.JobExecutionResult) -> _Ended:
    """Return how a run ended, from the events of its failed steps."""
    failed = [event for event in result.all_events if event.is_step_failure]
    errors = [event.step_failure_data.error for event in failed]
    interrupted = any(error is not None and error.cls_name in _INTERRUPTIONS for error in errors)
    own = [_own_error(event) for event in failed]
    is_medium = bool(own) and all(error is not None and error.name in _OF_MEDIUM for error in own)
    return _Ended(tuple(map(_failure, failed)), interrupted, is_medium)


def _failure(event: dg.DagsterEvent) -> str:
    """Return one sentence on a failed step."""
    error = _own_error(event)
    text = " ".join(error.said.split()) if error else "no reason was given"
    return f"{event.step_key}: {text[:400]}"


@dataclass(frozen=True, slots=True)
class _OwnError:
    """An asset's own exception: what its class is called, and what it says."""

    name: str
    said: str


def _own_error(event: dg.DagsterEvent) -> _OwnError | None:
    """Return the asset's own exception, not Dagster's wrapping of it, and not what the asset made it of."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return None if error is None else _OwnError(error.cls_name or "", error.message)
