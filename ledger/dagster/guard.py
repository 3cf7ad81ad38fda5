"""Refuses to make an asset behind a gate that was closed in an earlier run.

Rules:
- Dagster blocks inside one run only: a run of just the asset after a failed gate would succeed. Before an asset is
  made, the gates of those assets before it that the run does not make itself are looked up in the ledger.
- An override lets it through, and is said in the log.
"""

from collections.abc import Iterator

import dagster as dg

from ledger.dagster.step import Step, ancestors, planned_assets
from ledger.events import AssetBlocked
from ledger.projections.gates import QUERY_KINDS, Gate, gates
from ledger.service.project.clock import utc_now
from ledger.store.protocol import EventQuery, LedgerStore


class GateClosed(dg.Failure):
    """An asset was not made, since a gate before it is closed."""


def closed_gates(step: Step, store: LedgerStore) -> list[Gate]:
    """Return the closed gates before a step that its run does not evaluate itself; overrides are logged."""
    before = sorted(_outside(step))
    if not before:
        return []
    events = store.read(EventQuery(kinds=QUERY_KINDS, assets=tuple(before)))
    found = [gate for gate in gates(events, utc_now()) if gate.partition in {None, step.partition} and not gate.passed]
    for gate in found:
        if gate.override is not None:
            said = f"gate {gate.check} of {gate.asset} is overridden by {gate.override.owner}: {gate.override.reason}"
            step.context.log.warning("dagster-ledger: %s (until %s)", said, gate.override.expires)
    return [gate for gate in found if gate.closed]


def blocked_events(step: Step, closed: list[Gate]) -> Iterator[AssetBlocked]:
    """Yield the event of each asset of a step and each gate that stops it."""
    for asset in step.output_assets:
        for gate in closed:
            yield AssetBlocked(
                asset=asset,
                partition=step.partition,
                run_id=step.run_id,
                blocked_by=gate.asset,
                gate_run_id=gate.run_id,
                check=gate.check,
                metric=gate.metric,
                value=gate.value,
                threshold=gate.threshold,
                reason=reason(gate),
            )


def refusal(closed: list[Gate]) -> GateClosed:
    """Return the failure that says which gates are closed and what opens them."""
    first = closed[0]
    told = "; ".join(reason(gate) for gate in closed)
    return GateClosed(
        f"not made: {told}. Materialise {first.asset} again, or override it with"
        f" `dagster-ledger quality override {first.asset} --reason … --owner …`",
        metadata={
            "ledger/blocked_by": [gate.asset for gate in closed],
            "ledger/check": [gate.check for gate in closed],
            "ledger/gate_run_id": first.run_id,
            **({"value": first.value} if first.value is not None else {}),
            **({"threshold": first.threshold} if first.threshold is not None else {}),
        },
        allow_retries=False,
    )


def reason(gate: Gate) -> str:
    """Return why a gate is closed, in one sentence without its end."""
    said = (gate.description or "it failed").partition("; not made")[0]
    return f"gate {gate.check} of {gate.asset} is closed since run {gate.run_id[:8]} ({said})"


def _outside(step: Step) -> set[str]:
    """Return the assets before a step that its run does not make."""
    keys = [dg.AssetKey.from_user_string(name) for name in step.output_assets]
    above = {name for key in keys for name in ancestors(step.context.job_def, key)}
    return above - set(planned_assets(step.context))
