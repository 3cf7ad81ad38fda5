"""What Dagster knows about the step that runs now, as plain values.

Every look into Dagster's execution context is in this file.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import dagster as dg

LAUNCH_TAG: Final = "dagster_ledger/launch_id"
"""Run tag by which a command recognises the run it launched."""

LOG_TAG: Final = "dagster_ledger/log"
"""Run tag with the file that Dagster's log of the run goes into."""

AnyContext: TypeAlias = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True, slots=True)
class Step:
    """The step that runs now.

    Attributes:
        context: Dagster's context of the op.
        run_id: Run id.
        step_key: Step key.
        subject: Asset key joined by ``/`` where the step makes exactly one asset, else ``op:<step key>``.
        output_assets: Keys of the assets the step was asked to make, sorted.
        output_names: Names of this step's outputs by the asset each one is, in Dagster's order; an inner op of a
            graph may have none.
        plain_outputs: Names of all outputs that metadata can be attached to.
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
    plain_outputs: tuple[str, ...]
    partition: str | None
    attempt: int
    attempts_left: bool

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells this attempt from every other one in this process."""
        return self.run_id, self.step_key, self.attempt


def current_step(context: AnyContext | None = None) -> Step | None:
    """Return the step that runs now, ``None`` outside of a run (for instance when a test calls the asset directly).

    Args:
        context: The context of the step, for threads that Dagster did not start; found by itself elsewhere.
    """
    try:
        # Every kind of context holds that of its op, and is it or gives it under this name.
        context = (context or dg.OpExecutionContext.get()).op_execution_context
        step_context = context.get_step_execution_context()
    except (dg.DagsterError, AttributeError, LookupError):
        return None
    policy = step_context.op_retry_policy
    step_key = step_context.step.key
    names = _outputs(context)
    keys = context.selected_asset_keys
    return Step(
        context=context,
        run_id=context.run.run_id,
        step_key=step_key,
        subject=_subject(context, step_key),
        output_assets=tuple(sorted(key.to_user_string() for key in keys)),
        output_names=names,
        plain_outputs=tuple(names.values()) if _is_whole_asset(context) else _static_outputs(context),
        partition=_partition(context),
        attempt=context.retry_number,
        attempts_left=policy is not None and context.retry_number < policy.max_retries,
    )


def planned_assets(context: dg.OpExecutionContext) -> tuple[str, ...]:
    """Return the keys of all assets the run means to make, sorted."""
    chosen = context.run.asset_selection or context.job_def.asset_layer.selected_asset_keys
    return tuple(sorted(key.to_user_string() for key in chosen))


def descendants(context: dg.OpExecutionContext, key: dg.AssetKey) -> tuple[str, ...]:
    """Return the assets of the run that depend on an asset, however far, sorted."""
    return depending(context.job_def, key, frozenset(planned_assets(context)))


def depending(job: dg.JobDefinition, key: dg.AssetKey, planned: frozenset[str]) -> tuple[str, ...]:
    """Return those of some assets of a job that depend on one, however far, sorted."""
    graph = job.asset_layer.asset_graph
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        for child in graph.get(waiting.pop()).child_keys:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return tuple(sorted(name for name in (child.to_user_string() for child in found) if name in planned))


def ancestors(job: dg.JobDefinition, key: dg.AssetKey) -> tuple[str, ...]:
    """Return the assets that an asset depends on, however far, sorted."""
    graph = job.asset_layer.asset_graph
    return tuple(sorted(above.to_user_string() for above in graph.get_ancestor_asset_keys(key) if above != key))


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
    """Return output name by asset key, for the assets this step itself was asked for."""
    layer, asked = context.job_def.asset_layer, context.selected_asset_keys
    found = {
        name: layer.get_asset_key_for_node_output(node_handle=context.op_handle, output_name=name)
        for name in context.op_def.output_dict
    }
    return {key.to_user_string(): name for name, key in found.items() if key is not None and key in asked}


def _static_outputs(context: dg.OpExecutionContext) -> tuple[str, ...]:
    """Return the outputs of an op whose number does not depend on the data."""
    return tuple(name for name, output in context.op_def.output_dict.items() if not output.is_dynamic)


def _is_whole_asset(context: dg.OpExecutionContext) -> bool:
    """Return whether the op is what computes its assets, and not one of several in a graph."""
    return context.has_assets_def and isinstance(context.assets_def.node_def, dg.OpDefinition)


def _subject(context: dg.OpExecutionContext, step_key: str) -> str:
    """Return what the span's own figures are filed under: the same whichever of its assets were asked for."""
    if _is_whole_asset(context):
        can_make = list(context.assets_def.node_keys_by_output_name.values())
        if len(can_make) == 1:
            return can_make[0].to_user_string()
    return f"op:{step_key}"


def _partition(context: dg.OpExecutionContext) -> str | None:
    """Return the partition key, a range spelled by its ends."""
    if context.has_partition_key:
        return str(context.partition_key)
    if context.has_partition_key_range:
        span = context.partition_key_range
        return f"{span.start}...{span.end}"
    return None
