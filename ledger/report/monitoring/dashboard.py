"""One Grafana dashboard of the metrics, as JSON that Grafana imports.

Rules:
- It names metrics and limits, never an asset: which there are, its variables ask Prometheus.
- Each series is brought to one by whatever paths it came, as in the alert rules.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ledger.report.monitoring import naming
from ledger.report.monitoring.policy import AlertPolicy
from ledger.report.monitoring.promql import number, one_of, over_paths, selector
from ledger.report.monitoring.rules import GROUP

UID: Final = GROUP
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN: Final = ('pipeline=~"$pipeline"', 'asset=~"$asset"')
_PIPELINE: Final = _CHOSEN[:1]
_WIDE: Final = 24

Steps: TypeAlias = Sequence[Mapping[str, Any]]
"""Thresholds of a colour, from the lowest."""

_GOOD_OR_BAD: Final[Steps] = [{"color": "red", "value": None}, {"color": "green", "value": 1}]
_BAD_FROM_ONE: Final[Steps] = [{"color": "green", "value": None}, {"color": "red", "value": 1}]


def dashboard_file(policy: AlertPolicy) -> str:
    """Return the dashboard as JSON."""
    panels = [*_overview(), *_measured(), *_compared(policy), *_health()]
    document = {
        "uid": UID,
        "title": "dagster-ledger",
        "description": "Performance and quality of Dagster pipelines; made by dagster-ledger alerts generate.",
        "tags": [GROUP],
        "schemaVersion": 38,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _placed(panels),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def expressions(document: Mapping[str, Any]) -> list[str]:
    """Return every expression of a dashboard."""
    return [target["expr"] for panel in document["panels"] for target in panel.get("targets", ())]


def _variables() -> list[dict[str, Any]]:
    asked = {
        "pipeline": f"label_values({naming.LAST_SUCCESS.name}, pipeline)",
        "asset": f"label_values({selector(naming.LAST_SUCCESS, _PIPELINE)}, asset)",
    }
    chosen = [
        {
            "name": name,
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }
        for name, query in asked.items()
    ]
    return [{"name": "datasource", "type": "datasource", "query": "prometheus"}, *chosen]


def _overview() -> list[dict[str, Any]]:
    integrity = over_paths("min", naming.INTEGRITY.name)
    age = f"time() - {over_paths('max', selector(naming.LAST_SUCCESS, _PIPELINE), 'asset')}"
    left = f"{over_paths('max', naming.EXPIRY.name)} - time()"
    failed = f"count({over_paths('min', selector(naming.CHECK, _CHOSEN))} == 0) or vector(0)"
    return [
        _stat("Ledger integrity", integrity, steps=_GOOD_OR_BAD, words={"0": "BROKEN", "1": "ok"}),
        _stat("Blocked assets", f"sum({over_paths('max', selector(naming.BLOCKED, _PIPELINE))})", steps=_BAD_FROM_ONE),
        _stat("Failed checks", failed, steps=_BAD_FROM_ONE),
        _stat("Since the last success", age, unit="s", legend="{{pipeline}}"),
        _stat("Deployment ready", over_paths("max", naming.READY.name), steps=_GOOD_OR_BAD, legend="{{environment}}",
              words={"0": "no", "1": "ready"}),
        _stat("Manifest expires in", left, unit="s", legend="{{environment}}"),
    ]  # fmt: skip


def _measured() -> list[dict[str, Any]]:
    shown: Sequence[tuple[str, naming.Family, str]] = (
        ("Duration", naming.DURATION, "s"),
        ("Peak memory", naming.PEAK, "bytes"),
        ("Records a second", naming.RATE, "none"),
    )
    return [_lines(title, over_paths("max", selector(family, _CHOSEN)), unit) for title, family, unit in shown]


def _compared(policy: AlertPolicy) -> list[dict[str, Any]]:
    quality = over_paths("min", selector(naming.QUALITY, _CHOSEN))
    threshold = over_paths("max", selector(naming.THRESHOLD, _CHOSEN))
    panels = [
        _lines("Quality", quality, "percentunit", legend="{{asset}} {{metric}}",
               more=((threshold, "{{asset}} {{metric}} threshold"),)),
    ]  # fmt: skip
    for kind, metrics in policy.metrics.items():
        if metrics:
            matchers = (*_CHOSEN, *one_of("metric", metrics))
            worse = over_paths("max", selector(naming.REGRESSION, matchers))
            limit = (f"vector({number(policy.limits[kind])})", "limit")
            panels.append(
                _lines(
                    f"Worse than accepted: {kind}", worse, "percentunit", legend="{{asset}} {{metric}}", more=(limit,)
                )
            )
    return panels


def _health() -> list[dict[str, Any]]:
    tables = (
        ("Checks", over_paths("min", selector(naming.CHECK, _CHOSEN))),
        ("Assets whose newest attempt failed", f"{over_paths('min', selector(naming.ASSET_OK, _CHOSEN))} == 0"),
        ("Not held against a baseline", f"{over_paths('min', selector(naming.COMPARABLE, _CHOSEN))} == 0"),
        ("Accepted", over_paths("max", selector(naming.BASELINE, _CHOSEN))),
    )
    return [
        {
            "type": "table",
            "title": title,
            "datasource": _SOURCE,
            "targets": [{"refId": "A", "expr": expr, "instant": True, "format": "table", "datasource": _SOURCE}],
            "transformations": [{"id": "organize", "options": {"excludeByName": {"Time": True}}}],
            "gridPos": {"w": 12, "h": 8},
        }
        for title, expr in tables
    ]


def _stat(
    title: str,
    expr: str,
    *,
    unit: str = "none",
    legend: str = "",
    steps: Steps = ({"color": "blue", "value": None},),
    words: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    mapped = {value: {"text": text} for value, text in (words or {}).items()}
    return {
        "type": "stat",
        "title": title,
        "datasource": _SOURCE,
        "targets": [{"refId": "A", "expr": expr, "instant": True, "legendFormat": legend, "datasource": _SOURCE}],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "thresholds": {"mode": "absolute", "steps": list(steps)},
                "mappings": [{"type": "value", "options": mapped}] if mapped else [],
            },
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        "gridPos": {"w": 4, "h": 4},
    }


def _lines(
    title: str, expr: str, unit: str, *, legend: str = "{{asset}} {{profile}}", more: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    targets = [(expr, legend), *more]
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "targets": [
            {"refId": chr(ord("A") + place), "expr": one, "legendFormat": name, "datasource": _SOURCE}
            for place, (one, name) in enumerate(targets)
        ],
        "fieldConfig": {
            "defaults": {"unit": unit, "custom": {"drawStyle": "line", "lineInterpolation": "stepAfter"}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "gridPos": {"w": 12, "h": 8},
    }


def _placed(panels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the panels in rows from the left, each with a number."""
    placed, left, top, height = [], 0, 0, 0
    for number_, panel in enumerate(panels, start=1):
        size = panel["gridPos"]
        if left + size["w"] > _WIDE or (height and size["h"] != height):
            left, top = 0, top + height
        height = size["h"]
        placed.append({"id": number_, **panel, "gridPos": {"x": left, "y": top, **size}})
        left += size["w"]
    return placed
