"""SARIF 2.1.0 for code scanning: a result for each regression, and for what a pass needs and nobody could judge.

Rules:
- Rules are fixed, one for each kind of finding; names that others chose appear in messages only.
- A result stands at the baseline file of its asset, on the line of its metric; without one, at the configuration.
- A fingerprint names asset, partition and metric, so that an alert stays the same one while values and files change.
- A gate that could not decide has a result that says so: an empty run would close every open alert.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ledger import __version__
from ledger.report import json
from ledger.report.ci.model import Place, Report, change_sentence, coverage
from ledger.report.ci.steps import explain_command
from ledger.report.gate import asset_text, finding_fields, sentence
from ledger.report.text import printable
from ledger.stats.records import Finding

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id and name, which never change, and what it means."""

    id: str
    name: str
    means: str


RULES: Final[Mapping[str, Rule]] = {
    "time": Rule("DL1001", "TimeRegressed", "An asset takes more time than was accepted."),
    "memory": Rule("DL1002", "MemoryRegressed", "An asset takes more memory than was accepted."),
    "rate": Rule("DL1003", "RateRegressed", "An asset handles less in a second than was accepted."),
    "quality": Rule("DL1004", "QualityRegressed", "A ratio of quality is worse than was accepted."),
    "count": Rule("DL1005", "CountRegressed", "A count is worse than was accepted."),
    "missing": Rule("DL2001", "RequiredMetricMissing", "A required metric was not measured."),
    "open": Rule("DL2002", "RequiredMetricNotJudged", "A required metric could not be judged."),
    "gate": Rule("DL2003", "GateInconclusive", "The gate could not decide."),
}
"""Kind of finding, or of what is missing, to its rule. An id is never given to another rule."""


def sarif(report: Report) -> str:
    """Return the log, with one run."""
    run = {
        "tool": {
            "driver": {
                "name": "dagster-ledger",
                "version": __version__,
                "semanticVersion": _semantic(__version__),
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "utf16CodeUnits",
        "automationDetails": {"id": f"dagster-ledger/{_safe(report.answer.job or 'gate')}/"},
        "results": _results(report),
        "properties": {"outcome": report.answer.verdict.outcome, "coverage": printable(coverage(report))},
    }
    return json.dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _semantic(version: str) -> str:
    """Return a version of Python packaging as Semantic Versioning spells it: ``0.2.0.dev3`` is ``0.2.0-dev.3``."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [*(release[0].split(".") if release else ()), "0", "0", "0"][:3]
    before = re.search(r"(dev|a|b|rc)(\d+)", version)
    return ".".join(numbers) + (f"-{before[1]}.{before[2]}" if before else "")


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.means},
        "fullDescription": {"text": rule.means},
        "help": {"text": f"{rule.means} Run `dagster-ledger explain ASSET METRIC` for the reasons."},
        "defaultConfiguration": {"level": "warning" if rule.id in {"DL2002", "DL2003"} else "error"},
        "properties": {"tags": ["performance", "regression"], "precision": "high", "problem.severity": "error"},
    }


def _results(report: Report) -> list[dict[str, Any]]:
    verdict = report.answer.verdict
    results = [_of_finding(report, one) for one in report.of_state("regressed")]
    for name in verdict.missing:
        message = f"'{name}' is required, but the judged runs did not measure it."
        results.append(_result("missing", "error", message, report.elsewhere, ("missing", name)))
    for one in report.of_state("inconclusive", "not_comparable"):
        if one.required:
            message = f"'{asset_text(one)} {one.metric}' is required and has no answer: {sentence(one)}."
            results.append(_result("open", "warning", message, report.place_of(one), ("open", *one.key)))
    if verdict.outcome == "INCONCLUSIVE" or (verdict.outcome == "FAIL" and not results):
        message = f"The gate says '{verdict.outcome}': {'; '.join((coverage(report), *verdict.causes))}."
        level = "warning" if verdict.outcome == "INCONCLUSIVE" else "error"
        results.append(_result("gate", level, message, report.elsewhere, ("gate",)))
    return results


def _of_finding(report: Report, finding: Finding) -> dict[str, Any]:
    closer = explain_command(report, finding)
    message = (
        f"'{finding.metric}' of '{asset_text(finding)}' got worse: {change_sentence(finding)}. {sentence(finding)}."
        f"{f' Look closer with {closer!r}.' if closer else ''}"
    )
    level = "warning" if finding.severity == "warning" else "error"
    found = _result(finding.kind, level, message, report.place_of(finding), ("regressed", *finding.key))
    kept = ("state", "severity", "estimate", "interval", "adjusted_p", "baseline_value", "candidate_value", "unit")
    fields = finding_fields(finding)
    return found | {"properties": {name: fields[name] for name in kept}}


def _result(kind: str, level: str, message: str, place: Place, key: tuple[str, ...]) -> dict[str, Any]:
    rule = RULES[kind]
    digest = hashlib.sha256("\0".join(key).encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return {
        "ruleId": rule.id,
        "ruleIndex": list(RULES).index(kind),
        "level": level,
        "message": {"text": _plain(message)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place.line},
                }
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": f"{digest[:16]}:1", "assetMetric/v1": digest},
    }


def _plain(message: str) -> str:
    """Return a message in which no name is an embedded link (SARIF 2.1.0, section 3.11.6)."""
    return printable(printable(message).replace("](", "] ("), _LONGEST)


def _safe(name: str) -> str:
    """Return a name that holds no slash, since slashes split the category of a run."""
    return quote(printable(name, 100), safe="")
