"""The alert rules, from the limits that the gate and the checks go by.

Rules:
- Severities of one alert exclude each other, so that a breach is told once, by its size.
- A regression is a warning from its limit on. Where even the worst accepted value is exceeded by ``error_from`` times
  the limit it is an error, by ``critical_from`` times critical: as the gate has it, with the bound that one run gives.
- Every alert says what, where and by how much, and links to its section of the runbook.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from ledger.report.monitoring import naming
from ledger.report.monitoring.policy import AlertPolicy, Bound, Kind, OwnLimit
from ledger.report.monitoring.promql import equal, number, one_of, over_paths, selector, series, unequal

PREFIX: Final = "DagsterLedger"
GROUP: Final = "dagster-ledger"

REGRESSED: Final[Mapping[Kind, str]] = {
    "time": f"{PREFIX}TimeRegressed",
    "memory": f"{PREFIX}MemoryRegressed",
    "rate": f"{PREFIX}RateRegressed",
    "quality": f"{PREFIX}QualityRegressed",
    "count": f"{PREFIX}CountRegressed",
}
ALERTS: Final = (
    *REGRESSED.values(),
    f"{PREFIX}QualityLow",
    f"{PREFIX}LimitBreached",
    f"{PREFIX}CheckFailed",
    f"{PREFIX}AssetFailed",
    f"{PREFIX}AssetsBlocked",
    f"{PREFIX}Stale",
    f"{PREFIX}Absent",
    f"{PREFIX}IntegrityBroken",
    f"{PREFIX}Unverified",
    f"{PREFIX}ManifestExpiring",
    f"{PREFIX}RulesFailing",
)
"""Every alert there is; each has a section of the runbook."""

TESTED_AT_S: Final = 300.0
"""Seconds after which rules without a ``for`` are looked at in their tests."""

RULE_FAILURES: Final = "prometheus_rule_evaluation_failures_total"

_EXAMPLE: Final = {"pipeline": "example", "asset": "orders"}
_MACHINE: Final = {"profile": "machine"}
_WHERE: Final = "{asset} of {pipeline}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What makes a rule fire.

    Attributes:
        samples: Series to its value, constant over time; ``+1`` for one that grows by one a minute.
        labels: Labels of the alert, beside its name and those of the rule.
        value: Value of the alert.
    """

    samples: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alert rule.

    Attributes:
        group: Group it is in, without the prefix.
        alert: Name of the alert.
        severity: How grave it is; ``None`` where the series says so.
        expr: When it fires.
        summary: One sentence with ``{label}`` for labels and ``{value}`` for the value.
        description: What to know beside it, likewise.
        unit: How the value is shown: ``percent``, ``duration`` or ``count``.
        for_s: How long it must hold, seconds.
        labels: Labels that it adds.
        examples: What makes it fire; none where the policy leaves no room for one.
    """

    group: str
    alert: str
    severity: str | None
    expr: str
    summary: str
    description: str
    unit: str = "percent"
    for_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


def rules(policy: AlertPolicy) -> list[Rule]:
    """Return the rules of a policy, those that say the same in the same words as one."""
    made = chain(
        _regressions(policy),
        _quality(policy),
        chain.from_iterable(_bound(policy, bound) for bound in policy.bounds),
        _pipelines(policy),
        _ledger(policy),
    )
    alike: dict[tuple[object, ...], list[Rule]] = {}
    for rule in made:
        words = rule.alert, rule.severity, rule.summary, rule.description, *sorted(rule.labels.items())
        alike.setdefault(words, []).append(rule)
    return [_joined(each) for each in alike.values()]


def _joined(alike: Sequence[Rule]) -> Rule:
    """Return one rule for several; of the same name and labels there is to be one, or promtool warns."""
    if len(alike) == 1:
        return alike[0]
    # Examples of the first and the last are enough to see that all of them count; a test for each would take minutes.
    examples = (*alike[0].examples, *alike[-1].examples)
    return replace(alike[0], expr=" or ".join(f"({rule.expr})" for rule in alike), examples=examples)


def _regressions(policy: AlertPolicy) -> Iterator[Rule]:
    for kind, metrics in policy.metrics.items():
        if metrics:
            own = [limit for limit in policy.own_limits if limit.kind == kind and limit.metric in metrics]
            matchers, other = one_of("metric", metrics), _none_of([limit.asset for limit in own])
            place = {**_EXAMPLE, "asset": other, "metric": min(metrics), **_MACHINE}
            yield from _bands(policy, kind, policy.limits[kind], matchers, place, own)
    for limit in policy.own_limits:
        names = {"asset": limit.asset, "metric": limit.metric, "profile": limit.profile}
        shown = {name: naming.label(value) for name, value in names.items()}
        yield from _bands(policy, limit.kind, limit.limit, equal(**names), {"pipeline": "example", **shown}, ())


def _bands(
    policy: AlertPolicy,
    kind: Kind,
    limit: float,
    matchers: Sequence[str],
    place: Mapping[str, str],
    own: Sequence[OwnLimit],
) -> Iterator[Rule]:
    """Yield the rules of one limit, a severity each; where bands leave no room for one, it is left out."""
    ratio = over_paths("max", selector(naming.REGRESSION, matchers))
    lower = over_paths("max", selector(naming.REGRESSION_LOWER, matchers))
    error, critical = policy.error_from * limit, policy.critical_from * limit
    others = "".join(f" unless {over_paths('max', selector(naming.REGRESSION, _matchers_of(one)))}" for one in own)
    beyond = f"{ratio} >= {number(limit)}"
    bands = [
        ("warning", f"{beyond} unless {lower} >= {number(error)}", limit, 0.0),
        ("error", f"{beyond} and {lower} >= {number(error)} unless {lower} >= {number(critical)}", error, error),
        ("critical", f"{beyond} and {lower} >= {number(critical)}", critical, critical),
    ]
    share = "points" if kind == "quality" else "relative to the accepted median"
    for severity, expr, least, bound in bands:
        if severity == "error" and error >= critical:
            continue
        value = round(max(limit, least), 9)
        samples = {
            series(naming.REGRESSION, place): number(value),
            series(naming.REGRESSION_LOWER, place): number(bound),
        }
        yield Rule(
            group="regressions",
            alert=REGRESSED[kind],
            severity=severity,
            expr=expr + others,
            summary=f"{{metric}} of {_WHERE} is worse by {{value}}",
            description=(
                f"The newest success on {{profile}} is worse than accepted by {{value}} ({share});"
                f" the limit is {_percent(limit)}."
            ),
            labels={"limit": _percent(limit)},
            examples=(Example(samples=samples, labels=place, value=value),),
        )


def _none_of(names: Sequence[str]) -> str:
    """Return the name of an example that is none of these."""
    name = _EXAMPLE["asset"]
    while name in names:
        name += "_"
    return name


def _matchers_of(one: OwnLimit) -> list[str]:
    return equal(asset=one.asset, metric=one.metric, profile=one.profile)


def _quality(policy: AlertPolicy) -> Iterator[Rule]:
    for larger_is_better in (True, False):
        metrics = [name for name, better in policy.quality.items() if better is larger_is_better]
        if not metrics:
            continue
        matchers, worst, strict = one_of("metric", metrics), *(("min", "max") if larger_is_better else ("max", "min"))
        value = over_paths(worst, selector(naming.QUALITY, matchers), "profile")
        threshold = over_paths(strict, selector(naming.THRESHOLD, matchers))
        sign = 1.0 if larger_is_better else -1.0
        beyond = f"{threshold} - {value}" if larger_is_better else f"{value} - {threshold}"
        place = {**_EXAMPLE, "metric": min(metrics)}
        for severity, band, size in _breaches(policy, most=1.0 if larger_is_better else None):
            samples = {
                series(naming.QUALITY, {**place, **_MACHINE}): number(0.5 * (1.0 - sign * size)),
                series(naming.THRESHOLD, place): "0.5",
            }
            yield Rule(
                group="quality",
                alert=f"{PREFIX}QualityLow",
                severity=severity,
                expr=f"({beyond}) / {threshold}{band}",
                summary=f"{{metric}} of {_WHERE} is beyond its threshold by {{value}}",
                description="A check held it against that threshold; the share is of the threshold.",
                examples=(Example(samples=samples, labels=place, value=size),),
            )


def _bound(policy: AlertPolicy, bound: Bound) -> Iterator[Rule]:
    family = naming.OF_METRIC.get(bound.metric, naming.QUALITY)
    own = {} if bound.metric in naming.OF_METRIC else {"metric": bound.metric}
    matchers = equal(**own, **({} if bound.asset is None else {"asset": bound.asset}))
    matchers += unequal("asset", bound.except_assets)
    value = over_paths("max" if bound.is_largest else "min", selector(family, matchers))
    share = f"{value} / {number(bound.bound)} - 1" if bound.is_largest else f"1 - {value} / {number(bound.bound)}"
    asset = _none_of(bound.except_assets) if bound.asset is None else naming.label(bound.asset)
    place = {"pipeline": "example", "asset": asset, **own, **_MACHINE}
    for severity, band, size in _breaches(policy, most=None if bound.is_largest else 1.0):
        factor = 1.0 + size if bound.is_largest else 1.0 - size
        yield Rule(
            group="limits",
            alert=f"{PREFIX}LimitBreached",
            severity=severity,
            expr=f"({share}){band}",
            labels={**({} if own else {"metric": bound.metric}), "limit": number(bound.bound)},
            summary=f"{{metric}} of {_WHERE} is beyond its limit by {{value}}",
            description=(
                f"The {'largest' if bound.is_largest else 'smallest'} value that is well is {number(bound.bound)}"
                " in the unit of the metric; the share is of that."
            ),
            examples=(Example(samples={series(family, place): repr(bound.bound * factor)}, labels=place, value=size),),
        )


def _breaches(policy: AlertPolicy, most: float | None) -> Iterator[tuple[str, str, float]]:
    """Yield severity, band of the breach and a size within it, for each band that is not empty.

    Args:
        policy: Where the bands begin.
        most: Largest breach there can be, ``None`` for no bound.
    """
    error, critical = policy.error_breach, policy.critical_breach
    if error > 0.0:
        yield "warning", f" > 0 < {number(error)}", _between(0.0, error)
    if critical > error and (most is None or error < most):
        yield "error", f" > 0 >= {number(error)} < {number(critical)}", _between(error, min(critical, most or critical))
    if most is None or critical < most:
        size = math.ceil(critical) + 1.0 if most is None else _between(critical, most)
        yield "critical", f" > 0 >= {number(critical)}", size


def _between(low: float, high: float) -> float:
    """Return a size between two others, where that can be with the four digits that are shown of it."""
    middle = (low + high) / 2.0
    short = float(f"{middle:.4g}")
    return short if low < short < high else middle


def _pipelines(policy: AlertPolicy) -> Iterator[Rule]:
    check = {**_EXAMPLE, "check": "match_rate_gate", "severity": "error"}
    yield Rule(
        group="pipelines",
        alert=f"{PREFIX}CheckFailed",
        severity=None,
        expr=f"{over_paths('min', naming.CHECK.name)} == 0",
        summary=f"check {{check}} of {_WHERE} failed",
        description="It failed when it was evaluated last; `dagster-ledger quality list` says what it said.",
        unit="count",
        examples=(Example(samples={series(naming.CHECK, check): "0"}, labels=check, value=0.0),),
    )
    yield Rule(
        group="pipelines",
        alert=f"{PREFIX}AssetFailed",
        severity="error",
        expr=f"{over_paths('min', naming.ASSET_OK.name)} == 0",
        summary=f"{_WHERE} failed",
        description="Its newest attempt did not succeed; `dagster-ledger show latest` has the failure.",
        unit="count",
        examples=(Example(samples={series(naming.ASSET_OK, _EXAMPLE): "0"}, labels=_EXAMPLE, value=0.0),),
    )
    pipeline = {"pipeline": "example"}
    yield Rule(
        group="pipelines",
        alert=f"{PREFIX}AssetsBlocked",
        severity="error",
        expr=f"{over_paths('max', naming.BLOCKED.name)} > 0",
        summary="{value} assets of {pipeline} are blocked",
        description="A closed gate keeps them from being made; `dagster-ledger quality list --closed` names it.",
        unit="count",
        examples=(Example(samples={series(naming.BLOCKED, pipeline): "2"}, labels=pipeline, value=2.0),),
    )
    # Tests begin at the time 0, so what happened before has a time below it.
    stale = {series(naming.LAST_SUCCESS, _EXAMPLE): number(-policy.stale_after_s)}
    yield Rule(
        group="pipelines",
        alert=f"{PREFIX}Stale",
        severity="error",
        expr=f"time() - {over_paths('max', naming.LAST_SUCCESS.name, 'asset')} > {number(policy.stale_after_s)}",
        summary="{pipeline} has made nothing for {value}",
        description="No asset of it succeeded since; is its schedule running?",
        unit="duration",
        examples=(Example(samples=stale, labels=pipeline, value=policy.stale_after_s + TESTED_AT_S),),
    )


def _ledger(policy: AlertPolicy) -> Iterator[Rule]:
    yield Rule(
        group="ledger",
        alert=f"{PREFIX}Absent",
        severity="critical",
        expr=f"absent({naming.LAST_SUCCESS.name})",
        summary="there are no metrics of dagster-ledger",
        description="Nothing is exported, so no other alert can fire; is `dagster-ledger metrics` running?",
        unit="count",
        for_s=policy.absent_for_s,
        examples=(Example(samples={"up": "1"}, value=1.0),),
    )
    yield Rule(
        group="ledger",
        alert=f"{PREFIX}IntegrityBroken",
        severity="critical",
        expr=f"{over_paths('min', naming.INTEGRITY.name)} == 0",
        summary="the ledger is not what was appended",
        description="Stored events were altered or damaged; `dagster-ledger ledger verify` names the file.",
        unit="count",
        examples=(Example(samples={naming.INTEGRITY.name: "0"}, value=0.0),),
    )
    after = policy.unverified_after_s
    yield Rule(
        group="ledger",
        alert=f"{PREFIX}Unverified",
        severity="warning",
        expr=f"time() - {over_paths('max', naming.VERIFIED.name)} > {number(after)}",
        summary="the ledger was not verified for {value}",
        description="Until it is verified again, damage to older events would not be seen.",
        unit="duration",
        examples=(Example(samples={naming.VERIFIED.name: number(-after)}, value=after + TESTED_AT_S),),
    )
    left = f"{over_paths('max', naming.EXPIRY.name)} - time()"
    place = {"environment": "prod"}
    until, warned = series(naming.EXPIRY, place), policy.manifest_warning_s
    yield Rule(
        group="ledger",
        alert=f"{PREFIX}ManifestExpiring",
        severity="warning",
        expr=f"({left}) < {number(warned)} >= 0",
        summary="the readiness manifest for {environment} expires in {value}",
        description="After that nothing can be deployed there; build and sign a new one.",
        unit="duration",
        examples=(Example(samples={until: number(TESTED_AT_S + warned / 2.0)}, labels=place, value=warned / 2.0),),
    )
    yield Rule(
        group="ledger",
        alert=f"{PREFIX}ManifestExpiring",
        severity="error",
        expr=f"({left}) < 0",
        summary="the readiness manifest for {environment} has expired",
        description="Nothing can be deployed there; build and sign a new one.",
        unit="duration",
        examples=(Example(samples={until: "60"}, labels=place, value=60.0 - TESTED_AT_S),),
    )
    failing = f'{RULE_FAILURES}{{rule_group=~".*;{GROUP}-.*"}}'
    yield Rule(
        group="meta",
        alert=f"{PREFIX}RulesFailing",
        severity="critical",
        expr=f"sum by (rule_group) (increase({failing}[5m])) > 0",
        summary="alert rules of {rule_group} cannot be evaluated",
        description="While they fail, what they watch is not watched; Prometheus's log says why.",
        unit="count",
        examples=(
            Example(
                samples={f'{RULE_FAILURES}{{rule_group="rules.yml;{GROUP}-quality"}}': "+1"},
                labels={"rule_group": f"rules.yml;{GROUP}-quality"},
                value=5.0,
            ),
        ),
    )


def _percent(value: float) -> str:
    return f"{number(value * 100.0)} %"
