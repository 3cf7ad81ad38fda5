"""When what is alerted, from the settings and the baseline files: the same that the gate and the checks go by."""

from collections.abc import Mapping
from typing import Final

from ledger.metrics import MetricRegistry
from ledger.report.monitoring.naming import OF_METRIC
from ledger.report.monitoring.policy import AlertPolicy, Bound, Kind, OwnLimit
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.gate.comparing import judging
from ledger.service.gate.policy import policy_of
from ledger.settings import MetricLimit, Settings
from ledger.settings.limits import ANY_ASSET
from ledger.stats.records import KINDS
from ledger.units import MIB, RATIO

_MEMORY: Final = "peak_rss_bytes"


def alert_policy(settings: Settings, registry: MetricRegistry, files: AcceptedBaselines) -> AlertPolicy:
    """Return when what is alerted.

    Args:
        settings: The project's settings.
        registry: The declared metrics.
        files: The baseline files, whose own limits hold in place of the settings'.

    Raises:
        BaselineFormatError: A file is no baseline.
        BaselineAlteredError: Its numbers were edited.
    """
    kinds: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
    accepted = {entry.metric: entry for baseline in files.all() for entry in baseline.metrics}
    for name in sorted({*registry, *accepted}):
        entry = accepted.get(name)
        unit = registry[name].unit if name in registry else accepted[name].unit
        how = judging(name, unit, registry, entry)
        if how is not None:
            kinds[how.kind].append(name)
    gate, watched = policy_of(settings.regression), settings.monitoring
    return AlertPolicy(
        metrics={kind: tuple(names) for kind, names in kinds.items()},
        limits={kind: gate.limits[kind] for kind in KINDS},
        own_limits=_own_limits(files, registry),
        error_from=gate.error_from,
        critical_from=gate.critical_from,
        quality={
            name: metric.direction == "higher_is_better"
            for name, metric in sorted(registry.items())
            if metric.kind == "quality" and metric.unit == RATIO
        },
        bounds=_bounds(settings, registry),
        error_breach=settings.alert_error_breach,
        critical_breach=settings.alert_critical_breach,
        stale_after_s=watched.stale_after_s,
        absent_for_s=watched.absent_for_s,
        unverified_after_s=watched.unverified_after_s,
        manifest_warning_s=watched.manifest_warning_s,
        runbook_url=watched.runbook_url,
    )


def _own_limits(files: AcceptedBaselines, registry: MetricRegistry) -> tuple[OwnLimit, ...]:
    """Return the limits that baseline files have; of several partitions of an asset the widest."""
    found: dict[tuple[str, str, str], tuple[float, Kind]] = {}
    for baseline in files.all():
        for entry in baseline.metrics:
            how = judging(entry.metric, entry.unit, registry, entry)
            if entry.limit is not None and not entry.is_retired and how is not None:
                key = baseline.asset, baseline.profile, entry.metric
                found[key] = max(found.get(key, (0.0, how.kind)), (entry.limit, how.kind))
    return tuple(
        OwnLimit(asset=asset, profile=profile, metric=metric, kind=kind, limit=limit)
        for (asset, profile, metric), (limit, kind) in sorted(found.items())
    )


def _bounds(settings: Settings, registry: MetricRegistry) -> tuple[Bound, ...]:
    """Return the limits of values that are exported; one of zero has no size of a breach and is left to the ledger."""
    everywhere = {_MEMORY: MetricLimit(max=settings.memory_threshold_mb * MIB), **settings.limits.get(ANY_ASSET, {})}
    own = {asset: limits for asset, limits in sorted(settings.limits.items()) if asset != ANY_ASSET}
    found = [_bound(metric, limit, None, _assets_with(metric, own)) for metric, limit in sorted(everywhere.items())]
    found += [
        _bound(metric, limit, asset, ()) for asset, limits in own.items() for metric, limit in sorted(limits.items())
    ]
    exported = {*OF_METRIC, *(name for name, one in registry.items() if one.kind == "quality" and one.unit == RATIO)}
    return tuple(one for one in found if one.metric in exported and one.bound != 0.0)


def _bound(metric: str, limit: MetricLimit, asset: str | None, others: tuple[str, ...]) -> Bound:
    return Bound(metric=metric, bound=limit.bound, is_largest=limit.max is not None, asset=asset, except_assets=others)


def _assets_with(metric: str, own: Mapping[str, Mapping[str, MetricLimit]]) -> tuple[str, ...]:
    return tuple(asset for asset, limits in own.items() if metric in limits)
