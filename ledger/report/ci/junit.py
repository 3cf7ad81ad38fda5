"""JUnit XML as Jenkins' ``junit-10.xsd`` has it: a test case for each finding, and one for the verdict.

Rules:
- A regression is a failure whose type is its severity, also where it is only a warning: Jenkins then says *unstable*.
- Undecided and not comparable are skipped, with the reason. The verdict itself is a case of its own, so that a gate
  that could not decide (an error) never looks like one that passed.
- No time is told: how long a judgement took says nothing about what was judged.
"""

import xml.etree.ElementTree as ET  # writes only; what is read is the tests' own
from typing import Final

from ledger.report.ci.model import Report, change_sentence, coverage
from ledger.report.ci.steps import explain_command
from ledger.report.gate import asset_text, sentence
from ledger.report.text import printable
from ledger.stats.records import Finding

_SKIPPED: Final = frozenset({"inconclusive", "not_comparable"})
_VERDICT: Final = "dagster-ledger"
_COUNTED: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def xml(report: Report) -> str:
    """Return the document, with its declaration."""
    verdict = report.answer.verdict
    cases = [_verdict(report), *(_missing(name) for name in verdict.missing)]
    cases += [_case(report, finding) for finding in report.findings]
    root = ET.Element("testsuites", {"name": "dagster-ledger gate"})
    counts = {name: str(sum(case.find(tag) is not None for case in cases)) for name, tag in _COUNTED.items()}
    suite = ET.SubElement(root, "testsuite", {"name": printable(report.name), "tests": str(len(cases)), **counts})
    suite.append(_properties(report))
    suite.extend(cases)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _properties(report: Report) -> ET.Element:
    found = ET.Element("properties")
    answer = report.answer
    told = {
        "outcome": answer.verdict.outcome,
        "baseline": str(answer.baseline),
        "baseline_digest": answer.baseline_digest,
        "runs": " ".join(answer.candidate_run_ids),
        "commits": " ".join(answer.code_versions),
    }
    for name, value in told.items():
        ET.SubElement(found, "property", {"name": name, "value": printable(value)})
    return found


def _verdict(report: Report) -> ET.Element:
    verdict = report.answer.verdict
    case = ET.Element("testcase", {"classname": _VERDICT, "name": "verdict"})
    tag = {"FAIL": "failure", "INCONCLUSIVE": "error"}.get(verdict.outcome)
    if tag is not None:
        why = ET.SubElement(case, tag, {"type": verdict.outcome, "message": printable(coverage(report))})
        why.text = "\n".join(map(printable, verdict.causes))
    else:
        ET.SubElement(case, "system-out").text = printable(f"{verdict.outcome}: {coverage(report)}")
    return case


def _missing(name: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": _VERDICT, "name": printable(f"{name} is measured")})
    ET.SubElement(case, "failure", {"type": "missing", "message": "required, but the judged runs did not measure it"})
    return case


def _case(report: Report, finding: Finding) -> ET.Element:
    words = {"classname": printable(asset_text(finding)), "name": printable(finding.metric)}
    case = ET.Element("testcase", words)
    if finding.state == "regressed":
        type_and_message = {
            "type": finding.severity or "error",
            "message": printable(f"{asset_text(finding)} {finding.metric}: {change_sentence(finding)}"),
        }
        why = ET.SubElement(case, "failure", type_and_message)
        closer = explain_command(report, finding)
        lines = (*finding.reasons, *([f"look closer: {closer}"] if closer else []))
        why.text = "\n".join(map(printable, lines))
    elif finding.state in _SKIPPED:
        message = printable(sentence(finding))
        ET.SubElement(case, "skipped", {"type": finding.state, "message": message})
    else:
        ET.SubElement(case, "system-out").text = printable(f"{finding.state}: {sentence(finding)}")
    return case
