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


def check_event(result: dg.AssetCheckResult, step: Step) -> CheckEvaluated:
    """Return the event of one evaluated check; numbers under ``value`` and ``threshold`` get columns of their own."""
    details = {name: _plain(getattr(entry, "value", entry)) for name, entry in result.metadata.items()}
    key = result.asset_key
    asset = key.to_user_string() if key is not None else (step.output_assets[0] if step.output_assets else step.subject)
    metric = details.get("ledger/metric")
    return CheckEvaluated(
        asset=asset,
        partition=step.partition,
        run_id=step.run_id,
        check=result.check_name or _only_check(step),
        status="passed" if result.passed else "failed",
        severity=_SEVERITIES[result.severity],
        metric=metric if isinstance(metric, str) else None,
        value=_number(details, _VALUE_KEYS),
        threshold=_number(details, _THRESHOLD_KEYS),
        description=result.description,
        details=details,
    )


def _only_check(step: Step) -> str:
    """Return the name of the asset's only check, which a result may leave out."""
    names = [spec.name for spec in step.context.assets_def.check_specs] if step.context.has_assets_def else []
    return names[0] if len(names) == 1 else "check"


def _number(details: Mapping[str, Json], keys: tuple[str, ...]) -> float | None:
    """Return the first finite number under one of the keys."""
    for key in keys:
        value = details.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _plain(value: Any) -> Json:  # noqa: ANN401 - whatever a user attached
    """Return a value as JSON: plain types as they are, everything else as its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(entry) for entry in value)
    return str(value)
