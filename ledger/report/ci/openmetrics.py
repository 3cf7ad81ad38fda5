"""OpenMetrics text: GitLab's metrics report, and what a Prometheus can be given.

Rules:
- Values are those that were judged: the medians of both sides in their base unit, and the change (more is worse).
- GitLab reads a line as ``name value`` by the rules of a shell and cuts it at ``#``; a label holds none, and no quote
  is left open. Two names never become one label.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from ledger.report.ci.model import Report
from ledger.report.text import printable
from ledger.stats.records import STATES, Finding
from ledger.verdict import OUTCOMES

_VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "dagster_ledger_candidate_value": ("candidate_value", "Median of the judged runs, in the unit."),
    "dagster_ledger_baseline_value": ("baseline_value", "Median of the accepted runs, in the unit."),
    "dagster_ledger_worsening_ratio": ("estimate", "How much worse: 0.12 is 12 % worse; absolute for quality."),
}


def metrics(report: Report) -> str:
    """Return the metrics, as OpenMetrics 1.0.0 has them."""
    return "".join(f"{line}\n" for line in [*_gate(report), *_values(report), "# EOF"])


def _gate(report: Report) -> Iterator[str]:
    job = {} if report.answer.job is None else {"dagster_job": report.answer.job}
    name = "dagster_ledger_gate_outcome"
    yield from (f"# TYPE {name} stateset", f"# HELP {name} What the gate said.")
    for outcome in OUTCOMES:
        yield _sample(name, job | {name: outcome}, float(outcome == report.answer.verdict.outcome))
    name = "dagster_ledger_gate_findings"
    yield from (f"# TYPE {name} gauge", f"# HELP {name} Metrics of assets in each state.")
    for state in STATES:
        yield _sample(name, job | {"state": state}, float(len(report.of_state(state))))


def _values(report: Report) -> Iterator[str]:
    ordered = sorted(report.findings, key=lambda one: one.key)
    for name, (attribute, words) in _VALUES.items():
        yield from (f"# TYPE {name} gauge", f"# HELP {name} {words}")
        for finding in ordered:
            value = getattr(finding, attribute)
            if value is not None and math.isfinite(value):
                yield _sample(name, _labels(report, finding), value)


def _labels(report: Report, finding: Finding) -> dict[str, str]:
    found = {"asset": finding.asset, "metric": finding.metric, "unit": finding.unit}
    found |= {} if finding.partition is None else {"partition": finding.partition}
    return found | ({} if report.answer.job is None else {"dagster_job": report.answer.job})


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value!r}" if shown else f"{name} {value!r}"


def _label(text: str) -> str:
    visible = printable(text.replace("\\", "\\\\")).replace("#", "\\x23")
    return visible.replace("\\", "\\\\").replace('"', '\\"')
