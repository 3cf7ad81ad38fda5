"""Results of asset checks as ledger events."""

import math
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from ledger.dagster.step import Step
from ledger.events import CheckEvaluated, Json

_SEVERITIES: Final = {dg.AssetCheckSeverity.WARN: "warning", dg.AssetCheckSeverity.ERROR: "error"}
_VALUE_KEYS: Final = ("ledger/value", "value")
_THRESHOLD_KEYS: Final = ("ledger/threshold", "threshold")


def check_event(result: dg.AssetCheckResult, step: Step, materialized: dg.AssetKey | None = None) -> CheckEvaluated:
    """Return the event of one evaluated check; numbers under ``value`` and ``threshold`` get columns of their own.

    Args:
        result: What the check said.
        step: The step it was evaluated in.
        materialized: The asset of the materialisation that carried the result, if it was carried by one.
    """
    details = {name: plain_json(entry) for name, entry in result.metadata.items()}
    spec = _spec(result, step, materialized)
    key = result.asset_key or materialized or (spec.asset_key if spec else None)
    metric = details.get("ledger/metric")
    return CheckEvaluated(
        asset=key.to_user_string() if key else step.subject,
        partition=step.partition,
        run_id=step.run_id,
        check=result.check_name or (spec.name if spec else "check"),
        status="passed" if result.passed else "failed",
        severity=_SEVERITIES[result.severity],
        metric=metric if isinstance(metric, str) else None,
        value=_number(details, _VALUE_KEYS),
        threshold=_number(details, _THRESHOLD_KEYS),
        blocking=spec.blocking if spec else None,
        description=result.description,
        details=details,
    )


def _spec(result: dg.AssetCheckResult, step: Step, materialized: dg.AssetKey | None) -> dg.AssetCheckSpec | None:
    """Return the declaration a result answers, which may leave out what is unambiguous: the asset, the name."""
    specs = list(step.context.assets_def.check_specs) if step.context.has_assets_def else []
    key = result.asset_key or materialized
    fitting = [
        spec for spec in specs if result.check_name in {None, spec.name} and (key is None or spec.asset_key == key)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _number(details: Mapping[str, Json], keys: tuple[str, ...]) -> float | None:
    """Return the first finite number under one of the keys."""
    for key in keys:
        value = details.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def plain_json(value: Any) -> Json:  # noqa: ANN401 - whatever a user attached
    """Return a value, or what a metadata entry holds, as JSON: plain types as they are, everything else as its text."""
    if isinstance(value, dg.MetadataValue):
        held = value.value
        return str(held) if isinstance(held, dg.MetadataValue) else plain_json(held)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain_json(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain_json(entry) for entry in value)
    return str(value)
