"""Holds an asset's newest success against the baseline files, by the rules of the regression gate.

Rules:
- One run has no interval. What the gate takes from its interval is taken here from the accepted values themselves: the
  worst of them. A clean run is worse than all of n accepted ones once in n + 1 times (Wilks 1941).
- Another configuration, machine class or unit is not comparable. Rows within 5 % of each other are; otherwise the
  accepted runs of that size are used where there are three, as ``ledger.stats.alignment`` has it.
- A change below the floor is none, and is told as 0.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.baselines import AcceptedRun, Baseline, MetricBaseline, profile_name
from ledger.metrics import MetricRegistry
from ledger.projections.latest import AssetState
from ledger.report.monitoring.state import AssetFigures, Compared
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.gate.comparing import Judging, judging
from ledger.settings import RegressionSettings

SAME_SIZE: Final = 0.05
"""Relative difference of rows within which runs are of one size."""

_LEAST_RUNS: Final = 3
_DECIMALS: Final = 9
"""Ratios are rounded to these, so that exactly the limit is the limit: 1.2 / 1.0 - 1.0 is not quite 0.2."""


def figures_of(
    state: AssetState, files: AcceptedBaselines, settings: RegressionSettings, registry: MetricRegistry
) -> AssetFigures:
    """Return an asset as it is exported.

    Args:
        state: Its standing.
        files: What was accepted.
        settings: Floors of changes.
        registry: The declared metrics.

    Raises:
        BaselineFormatError: The baseline file of the asset is none.
        BaselineAlteredError: Its numbers were edited.
    """
    if state.succeeded is None:
        return AssetFigures(state)
    if state.machine is None:
        return AssetFigures(state, comparable=False)
    profile = profile_name(state.machine)
    baseline = files.of((state.asset, state.partition), state.machine)
    compared = () if baseline is None else _compared(state, baseline, settings, registry)
    comparable = any(one.ratio is not None for one in compared)
    return AssetFigures(state, profile, comparable, compared)


def _compared(
    state: AssetState, baseline: Baseline, settings: RegressionSettings, registry: MetricRegistry
) -> tuple[Compared, ...]:
    return tuple(
        _one(state, entry, settings, how)
        for entry in baseline.metrics
        if not entry.is_retired and (how := judging(entry.metric, entry.unit, registry, entry)) is not None
    )


def _one(state: AssetState, entry: MetricBaseline, settings: RegressionSettings, how: Judging) -> Compared:
    value, unit = state.values.get(entry.metric, (None, ""))
    nothing = Compared(entry.metric, entry.current.median)
    if value is None or not math.isfinite(value) or unit != entry.unit:
        return nothing
    if state.config_digest != entry.current.config_digest:
        return nothing
    runs = entry.current.runs if how.kind == "quality" else _of_one_size(entry.current.runs, _rows(state.values))
    if not runs:
        return nothing
    accepted = [run.value for run in runs]
    middle, sign = statistics.median(accepted), -1.0 if how.direction == "higher_is_better" else 1.0
    worst = max(accepted) if sign > 0.0 else min(accepted)
    floor = _floor(settings, how.kind) if entry.floor is None else entry.floor
    if sign * (value - middle) > 0.0 and abs(value - middle) < floor:
        return Compared(entry.metric, entry.current.median, 0.0, min(0.0, _worse(value, worst, sign, how.kind)))
    ratio, lower = (_worse(value, against, sign, how.kind) for against in (middle, worst))
    return Compared(entry.metric, entry.current.median, ratio, lower)


def _worse(value: float, accepted: float, sign: float, kind: str) -> float:
    """Return by how much a value is worse, rounded; infinite where it is worse than an accepted zero."""
    if value == accepted:
        return 0.0
    if kind == "quality":
        return round(sign * (value - accepted), _DECIMALS)
    if value > 0.0 and accepted > 0.0:
        # On the scale of the gate, on which half the rate and twice the time are the same.
        ratio = value / accepted if sign > 0.0 else accepted / value
        return round(ratio - 1.0, _DECIMALS)
    if accepted == 0.0:
        return math.copysign(math.inf, sign * value)
    return round(sign * (value - accepted) / abs(accepted), _DECIMALS)


def _floor(settings: RegressionSettings, kind: str) -> float:
    return {"time": settings.floors.time, "memory": settings.floors.memory}.get(kind, 0.0)


def _rows(values: Mapping[str, tuple[float, str]]) -> float | None:
    """Return the rows that were read, else made; ``None`` where nobody counted."""
    for metric in ("rows_in", "rows_out"):
        if metric in values:
            return values[metric][0]
    return None


def _of_one_size(runs: Sequence[AcceptedRun], rows: float | None) -> Sequence[AcceptedRun]:
    """Return the accepted runs of a size, all where sizes are not known; none where there are too few of them."""
    if rows is None or any(run.rows is None for run in runs):
        return runs
    near = [run for run in runs if run.rows is not None and abs(run.rows - rows) <= SAME_SIZE * max(run.rows, rows)]
    return near if len(near) == len(runs) or len(near) >= _LEAST_RUNS else ()
