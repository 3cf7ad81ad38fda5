"""What Dagster knows about the step that runs now, as plain values.

Every look into Dagster's execution context is in this file.
"""

from dataclasses import dataclass
from typing import Final

import dagster as dg

LAUNCH_TAG: Final = "dagster_ledger/launch_id"
"""Run tag by which a command recognises the run it launched."""


@dataclass(frozen=True, slots=True)
class Step:
    """The step that runs now.

    Attributes:
        context: Dagster's context of the op.
        run_id: Run id.
        step_key: Step key.
        subject: Asset key joined by ``/`` where the step makes exactly one asset, else ``op:<step key>``.
        output_assets: Keys of the assets the step was asked to make, sorted.
        output_names: Names of the outputs, by asset key.
        partition: Partition key, or ``first...last`` of a range.
        attempt: Retry number, from 0.
        attempts_left: Whether Dagster will try again after an ordinary exception.
    """

    context: dg.OpExecutionContext
    run_id: str
    step_key: str
    subject: str
    output_assets: tuple[str, ...]
    output_names: dict[str, str]
    partition: str | None
    attempt: int
    attempts_left: bool

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells this attempt from every other one in this process."""
        return self.run_id, self.step_key, self.attempt


def current_step() -> Step | None:
    """Return the step that runs now, ``None`` outside of a run (for instance when a test calls the asset directly)."""
    try:
        context = dg.OpExecutionContext.get()
        step_context = context.get_step_execution_context()
    except (dg.DagsterInvariantViolationError, AttributeError, LookupError):
        return None
    policy = step_context.op_retry_policy
    step_key = step_context.step.key
    names = _outputs(context)
    return Step(
        context=context,
        run_id=context.run_id,
        step_key=step_key,
        subject=_subject(context, step_key, names),
        output_assets=tuple(sorted(names)),
        output_names=names,
        partition=_partition(context),
        attempt=context.retry_number,
        attempts_left=policy is not None and context.retry_number < policy.max_retries,
    )


def planned_assets(context: dg.OpExecutionContext) -> tuple[str, ...]:
    """Return the keys of all assets the run means to make, sorted."""
    chosen = context.run.asset_selection or context.job_def.asset_layer.selected_asset_keys
    return tuple(sorted(key.to_user_string() for key in chosen))


def asset_code_version(step: Step) -> str | None:
    """Return the code version the step's only asset declares to Dagster."""
    if len(step.output_assets) != 1:
        return None
    versions = step.context.assets_def.code_versions_by_key
    return versions.get(dg.AssetKey.from_user_string(step.output_assets[0]))


def will_retry(step: Step, error: BaseException) -> bool:
    """Return whether Dagster will run the step again after this exception."""
    if isinstance(error, dg.RetryRequested):
        return step.attempt < error.max_retries
    if isinstance(error, dg.Failure) and not error.allow_retries:
        return False
    return step.attempts_left and isinstance(error, Exception)


def _outputs(context: dg.OpExecutionContext) -> dict[str, str]:
    """Return output name by asset key, for the assets this step was asked for."""
    if not context.has_assets_def:
        return {}
    names: dict[str, str] = {}
    if isinstance(context.assets_def.node_def, dg.OpDefinition):
        names = {key.to_user_string(): context.output_for_asset_key(key) for key in context.selected_asset_keys}
    return names or {key.to_user_string(): "result" for key in context.selected_asset_keys}


def _subject(context: dg.OpExecutionContext, step_key: str, names: dict[str, str]) -> str:
    """Return what the span's own figures are filed under."""
    in_graph = context.has_assets_def and not isinstance(context.assets_def.node_def, dg.OpDefinition)
    many = not context.has_assets_def or len(context.assets_def.keys) != 1
    return f"op:{step_key}" if in_graph or many else next(iter(names))


def _partition(context: dg.OpExecutionContext) -> str | None:
    """Return the partition key, a range spelled by its ends."""
    if not context.has_partition_key:
        return None
    try:
        return str(context.partition_key)
    except dg.DagsterInvariantViolationError:
        span = context.partition_key_range
        return f"{span.start}...{span.end}"
