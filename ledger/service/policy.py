"""The gate's policy as the settings say it."""

from ledger.settings import RegressionSettings
from ledger.stats.records import Policy


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
