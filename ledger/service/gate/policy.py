"""The policies of the gate and of baselines, as the settings say them."""

from ledger.baselines import Allowance
from ledger.settings import RegressionSettings
from ledger.stats.records import Policy
from ledger.units import BYTES, RATIO, ROWS_PER_SECOND, SECONDS


def policy_of(settings: RegressionSettings) -> Policy:
    """Return what a gate tolerates."""
    limits, floors = settings.limits, settings.floors
    return Policy(
        limits={
            "time": limits.time,
            "memory": limits.memory,
            "rate": limits.rate,
            "quality": limits.quality,
            "count": limits.count,
        },
        floors={"time": floors.time, "memory": floors.memory},
        alpha=settings.alpha,
        confidence=settings.confidence,
        error_from=settings.error_from,
        critical_from=settings.critical_from,
        min_judged_ratio=settings.min_judged_ratio,
    )


def allowance_of(settings: RegressionSettings) -> Allowance:
    """Return how far baselines may go from their anchors, and their values be apart."""
    limits, floors = settings.limits, settings.floors
    by_unit = {SECONDS: limits.time, BYTES: limits.memory, ROWS_PER_SECOND: limits.rate, RATIO: limits.quality}
    return Allowance(
        limits=by_unit,
        multiple=settings.drift_budget,
        other=limits.count,
        max_cv=settings.max_baseline_cv,
        floors={SECONDS: floors.time, BYTES: floors.memory},
    )
