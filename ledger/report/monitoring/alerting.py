"""Writes alert rules for Prometheus, their unit tests for ``promtool test rules``, and Alertmanager's part.

Rules:
- Each rule has a test that makes it fire, by two paths at once, and one test in which nothing fires.
- A name in a text is a string of the template language, never part of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from ledger.report.monitoring import naming
from ledger.report.monitoring.promql import number, quoted, series
from ledger.report.monitoring.rules import ALERTS, GROUP, TESTED_AT_S, Example, Rule

RULES_FILE: Final = "dagster-ledger.rules.yml"

_HEAD: Final = (
    "# Made by `dagster-ledger alerts generate` of the settings and the baseline files; change these instead.\n"
)
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_SHOWN: Final = {
    "percent": "{{ $value | humanizePercentage }}",
    "duration": "{{ $value | humanizeDuration }}",
    "count": '{{ $value | printf "%.0f" }}',
}
_INTERVAL_S: Final = 60.0
_MINUTE_S: Final = 60
_PATHS: Final = ({"job": "dagster-ledger", "instance": "127.0.0.1:9464"}, {"job": "node", "instance": "worker:9100"})
"""Two ways by which one series arrives."""


def rule_file(rules: Sequence[Rule], runbook_url: str) -> str:
    """Return the rules as Prometheus reads them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        groups.setdefault(rule.group, []).append(_rule(rule, runbook_url))
    return _yaml({"groups": [{"name": f"{GROUP}-{name}", "rules": own} for name, own in groups.items()]})


def rule_tests_file(rules: Sequence[Rule], runbook_url: str) -> str:
    """Return the unit tests of the rules, for ``promtool test rules``; the rules lie beside them."""
    tests = [_test(rule, example, runbook_url) for rule in rules for example in rule.examples]
    return _yaml(
        {
            "rule_files": [RULES_FILE],
            "evaluation_interval": _duration(_INTERVAL_S),
            "tests": [_quiet(), *tests],
        }
    )


def alertmanager_file(webhook_url: str | None) -> str:
    """Return routes, receivers and inhibitions for Alertmanager.

    Args:
        webhook_url: Where both receivers tell alerts; ``None`` leaves them for somebody to fill in.
    """
    told = {} if webhook_url is None else {"webhook_configs": [{"url": webhook_url, "send_resolved": True}]}
    critical = f"{GROUP}-critical"
    return _yaml(
        {
            "route": {
                "receiver": GROUP,
                "group_by": ["alertname", "pipeline"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "4h",
                "routes": [{"matchers": ['alertname=~"DagsterLedger.*"', 'severity="critical"'], "receiver": critical}],
            },
            "receivers": [{"name": GROUP, **told}, {"name": critical, **told}],
            "inhibit_rules": [
                {
                    "source_matchers": ['severity="critical"'],
                    "target_matchers": ['severity=~"warning|error"'],
                    "equal": ["alertname", "pipeline", "asset", "metric", "profile", "environment"],
                }
            ],
        }
    )


def anchor_of(alert: str) -> str:
    """Return the name of an alert's section in the runbook."""
    return alert.lower()


def _rule(rule: Rule, runbook_url: str) -> dict[str, Any]:
    found: dict[str, Any] = {"alert": rule.alert, "expr": rule.expr}
    if rule.for_s:
        found["for"] = _duration(rule.for_s)
    labels = _labels(rule)
    if labels:
        found["labels"] = labels
    return {**found, "annotations": {name: _template(rule, text) for name, text in _texts(rule, runbook_url).items()}}


def _labels(rule: Rule) -> dict[str, str]:
    return {**({} if rule.severity is None else {"severity": rule.severity}), **rule.labels}


def _texts(rule: Rule, runbook_url: str) -> dict[str, str]:
    return {
        "summary": rule.summary,
        "description": rule.description,
        "runbook_url": f"{runbook_url}#{anchor_of(rule.alert)}",
    }


def _template(rule: Rule, text: str) -> str:
    """Return a text in Go's template language; what stands in it literally is a string of that language."""

    def shown(hit: re.Match[str]) -> str:
        name = hit[1]
        if name == "value":
            return _SHOWN[rule.unit]
        # A label that the rule itself adds is not among those that its texts are told.
        return f"{{{{ {quoted(rule.labels[name])} }}}}" if name in rule.labels else f"{{{{ $labels.{name} }}}}"

    parts = re.split(r"(\{\w+\})", text)
    return "".join(
        _PLACEHOLDER.sub(shown, part) if _PLACEHOLDER.fullmatch(part) else part.replace("{{", '{{ "{{" }}')
        for part in parts
    )


def _told(rule: Rule, example: Example, text: str) -> str:
    """Return a text as Prometheus tells it for an example."""
    values = {**example.labels, **rule.labels, "value": _value(rule.unit, example.value)}
    return _PLACEHOLDER.sub(lambda hit: values[hit[1]], text)


def _value(unit: str, value: float) -> str:
    """Return a value as Prometheus's functions ``humanizePercentage``, ``humanizeDuration`` and ``printf`` show it."""
    if unit == "percent":
        return f"{value * 100.0:.4g}%"
    if unit == "count":
        return f"{value:.0f}"
    return _span(value)


def _span(value_s: float) -> str:
    sign, whole = ("-" if value_s < 0.0 else ""), int(abs(value_s))
    if whole < _MINUTE_S:
        return f"{value_s:.4g}s"
    parts = {"d": whole // 86_400, "h": whole // 3600 % 24, "m": whole // 60 % 60, "s": whole % 60}
    first = next(place for place, count in enumerate(parts.values()) if count)
    return sign + " ".join(f"{count}{unit}" for unit, count in list(parts.items())[first:])


def _test(rule: Rule, example: Example, runbook_url: str) -> dict[str, Any]:
    at_s = rule.for_s + _INTERVAL_S if rule.for_s else TESTED_AT_S
    alert = {
        "exp_labels": {**example.labels, **_labels(rule)},
        "exp_annotations": {name: _told(rule, example, text) for name, text in _texts(rule, runbook_url).items()},
    }
    return {
        "name": f"{rule.alert} {rule.severity or 'as the series says'}",
        "interval": _duration(_INTERVAL_S),
        "input_series": _by_two_paths(example.samples, at_s),
        "alert_rule_test": [{"eval_time": _duration(at_s), "alertname": rule.alert, "exp_alerts": [alert]}],
    }


def _quiet() -> dict[str, Any]:
    """Return the test in which all is well."""
    asset = {"pipeline": "example", "asset": "orders"}
    compared = {**asset, "metric": "duration_s", "profile": "machine"}
    samples = {
        series(naming.REGRESSION, compared): "0",
        series(naming.REGRESSION_LOWER, compared): "-0.1",
        series(naming.CHECK, {**asset, "check": "match_rate_gate", "severity": "error"}): "1",
        series(naming.ASSET_OK, asset): "1",
        series(naming.BLOCKED, {"pipeline": "example"}): "0",
        series(naming.LAST_SUCCESS, asset): number(TESTED_AT_S),
        naming.INTEGRITY.name: "1",
        naming.VERIFIED.name: number(TESTED_AT_S),
        series(naming.EXPIRY, {"environment": "prod"}): number(10.0**10),
    }
    return {
        "name": "nothing is wrong",
        "interval": _duration(_INTERVAL_S),
        "input_series": _by_two_paths(samples, TESTED_AT_S),
        "alert_rule_test": [{"eval_time": _duration(TESTED_AT_S), "alertname": name} for name in ALERTS],
    }


def _by_two_paths(samples: Mapping[str, str], until_s: float) -> list[dict[str, str]]:
    steps = int(until_s / _INTERVAL_S) + 2
    return [
        {"series": _with_labels(name, path), "values": f"0+1x{steps}" if value == "+1" else f"{value}+0x{steps}"}
        for name, value in samples.items()
        for path in (_PATHS if not value.startswith("+") else _PATHS[:1])
    ]


def _with_labels(name: str, labels: Mapping[str, str]) -> str:
    """Return a series with further labels."""
    shown = ",".join(f"{key}={quoted(value)}" for key, value in labels.items())
    return f"{name.removesuffix('}')},{shown}}}" if name.endswith("}") else f"{name}{{{shown}}}"


def _duration(seconds: float) -> str:
    """Return a span of time as Prometheus reads it."""
    milliseconds = max(round(seconds * 1000.0), 1)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100_000)
    return _HEAD + text
