"""Workflow commands of GitHub Actions: an annotation for each finding that somebody has to look at.

Rules:
- Escaped as ``@actions/core`` does (``command.ts``), byte for byte.
- GitHub shows ten annotations of a kind for a step and drops the others without a word, so the tenth says how many.
- A regression at error or above, and a required metric that is missing, is an error; a regression at warning, or a
  required metric without an answer, is a warning; everything else that is no ``ok`` is a notice.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from ledger.report.ci.model import Place, Report, change_sentence, coverage
from ledger.report.ci.steps import explain_command
from ledger.report.gate import sentence
from ledger.report.text import printable
from ledger.stats.records import Finding
from ledger.verdict import name_of

Kind: TypeAlias = Literal["error", "warning", "notice"]

PER_KIND: Final = 10
"""Annotations of a kind that GitHub shows for one step; docs.github.com, "Workflow commands"."""
_LONGEST: Final = 1000
_OUTCOMES: Final[Mapping[str, Kind]] = {"PASS": "notice", "WARN": "warning", "FAIL": "error", "INCONCLUSIVE": "warning"}


def annotations(report: Report) -> str:
    """Return the annotations, a line each; the verdict first."""
    verdict = report.answer.verdict
    lines: dict[Kind, list[str]] = {"error": [], "warning": [], "notice": []}
    said = printable(f"{coverage(report)}; {'; '.join(report.other_causes())}".rstrip("; "), _LONGEST)
    first = command(_OUTCOMES[verdict.outcome], {"title": f"Regression gate: {verdict.outcome}"}, said)
    lines[_OUTCOMES[verdict.outcome]].append(first)
    for name in verdict.missing:
        message = "required, but the judged runs did not measure it"
        lines["error"].append(_at(report.elsewhere, "error", f"{name} is missing", message))
    for finding in report.findings:
        kind = _kind(finding)
        if kind is not None:
            title = f"{name_of(finding)} {finding.state.replace('_', ' ')}"
            lines[kind].append(_at(report.place_of(finding), kind, title, _message(report, finding)))
    return "".join(f"{line}\n" for kind, found in lines.items() for line in _limited(kind, found))


def command(kind: str, properties: Mapping[str, str], message: str) -> str:
    """Return a workflow command.

    Args:
        kind: Its name.
        properties: Its properties, in order; an empty one is left out.
        message: Its message.
    """
    shown = ",".join(f"{name}={_escaped_property(value)}" for name, value in properties.items() if value)
    return f"::{kind}{' ' if properties else ''}{shown}::{_escaped(message)}"


def _at(place: Place, kind: Kind, title: str, message: str) -> str:
    properties = {"title": printable(title, 200), "file": place.path, "line": str(place.line)}
    return command(kind, properties, message)


def _kind(finding: Finding) -> Kind | None:
    if finding.state == "ok":
        return None
    if finding.state == "regressed":
        return "warning" if finding.severity == "warning" else "error"
    return "warning" if finding.required and finding.state != "improved" else "notice"


def _message(report: Report, finding: Finding) -> str:
    parts = [part for part in (change_sentence(finding), sentence(finding)) if part]
    if finding.state == "regressed" and (closer := explain_command(report, finding)):
        parts.append(f"look closer: {closer}")
    return printable("; ".join(parts), _LONGEST)


def _limited(kind: Kind, lines: list[str]) -> list[str]:
    """Return as many lines as GitHub shows; where there are more, the last of them counts the rest."""
    if len(lines) <= PER_KIND:
        return lines
    rest = len(lines) - (PER_KIND - 1)
    counted = command(kind, {"title": "Regression gate"}, f"and {rest} more; the step summary has all")
    return [*lines[: PER_KIND - 1], counted]


def _escaped(message: str) -> str:
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(value: str) -> str:
    return _escaped(value).replace(":", "%3A").replace(",", "%2C")
