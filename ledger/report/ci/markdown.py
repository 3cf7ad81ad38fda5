"""The answer as Markdown: the whole of it for a step summary, and the body of the one comment on a pull request.

Rules:
- The first lines tell what got worse, by how much and how sure that is; then what to do; the rest is folded away.
- A page never exceeds what GitHub takes: the least important rows are left off first, and how many is said.
- The comment begins with a hidden line that does not change, by which the next one finds and replaces it.
- Foreign text goes through ``escape``; nothing here writes a name in any other way.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.report.ci.escape import block, code, text
from ledger.report.ci.model import Report, coverage
from ledger.report.ci.steps import next_steps
from ledger.report.gate import asset_text, change_text, interval_text, sentence
from ledger.stats.records import Finding, State
from ledger.units import format_value

COMMENT_LIMIT: Final = 65_536
"""Characters of a comment that GitHub takes; https://github.com/orgs/community/discussions/27190."""
SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes of a step summary that GitHub takes; docs.github.com, "Workflow commands", "Step isolation and limits"."""

_SPARE: Final = 600
_CAUSES: Final = 10
_LONGEST_CAUSE: Final = 200
_SHOWN_COMMIT: Final = 12
_SHOWN_COMMITS: Final = 3
_MARKS: Final = {"PASS": "✅", "WARN": "⚠️", "FAIL": "❌", "INCONCLUSIVE": "❔"}
_STATES: Final = {
    "regressed": "🔴 worse",
    "improved": "🟢 better",
    "ok": "ok",
    "inconclusive": "🟡 undecided",
    "not_comparable": "not comparable",
}
_HEAD: Final = ("| | asset and metric | was → is | change | how sure |", "|---|---|---|---|---|")
_SOLID: Final = "\u00a0"
"""Keeps a number and its unit on one line."""


@dataclass(frozen=True, slots=True)
class _Section:
    """Rows under a title; folded rows are there, behind a click."""

    title: str
    rows: tuple[str, ...]
    folded: bool


def summary(report: Report) -> str:
    """Return the whole answer as Markdown, at most 1 MiB of it."""
    return _page(report, [], SUMMARY_LIMIT, fold=frozenset({"ok"}))


def comment(report: Report) -> str:
    """Return the body of the comment on a pull request, at most 65,536 bytes of it."""
    return _page(report, [marker(report)], COMMENT_LIMIT, fold=frozenset({"ok", "not_comparable"}))


def marker(report: Report) -> str:
    """Return the hidden line that a comment begins with; each job has its own."""
    digest = hashlib.sha256((report.answer.job or "").encode("utf-8", "backslashreplace")).hexdigest()
    return f"<!-- dagster-ledger gate {digest[:16]} -->"


def headline(report: Report) -> str:
    """Return what happened in one line of plain text: what got worse, or why nobody can say."""
    regressed = report.of_state("regressed")
    if regressed:
        worse = f"{len(regressed)} metric{'s' * (len(regressed) != 1)} got worse"
        return worse if report.answer.verdict.outcome != "WARN" else f"{worse}, which is only a warning"
    return {
        "PASS": "Nothing got worse",
        "WARN": "Nothing got worse, but not everything could be decided",
        "FAIL": "The gate does not let this pass",
        "INCONCLUSIVE": "Nobody can say yet whether anything got worse",
    }[report.answer.verdict.outcome]


def _page(report: Report, first: list[str], limit: int, *, fold: frozenset[State]) -> str:
    """Return the page: what matters, what to do, and then what is folded away."""
    head, steps, closing = [*first, *_opening(report)], _next(report), list(_closing(report))
    sections = list(_sections(report, fold))
    room = limit - _SPARE * (1 + len(sections)) - _size([*head, *steps, *closing])
    written = [(one, list(_written(one, rows))) for one, rows in zip(sections, _fitting(sections, room), strict=True)]
    opened = [line for section, lines in written if not section.folded for line in lines]
    folded = [line for section, lines in written if section.folded for line in lines]
    return "\n".join([*head, *opened, *steps, *folded, *closing]) + "\n"


def _opening(report: Report) -> Iterator[str]:
    verdict = report.answer.verdict
    yield f"### {_MARKS[verdict.outcome]} Regression gate: {verdict.outcome}. {headline(report)}"
    yield ""
    job = f" of {code(report.answer.job)}" if report.answer.job else ""
    count = len(report.answer.candidate_run_ids)
    commits = ", ".join(code(one[:_SHOWN_COMMIT]) for one in report.answer.code_versions[:_SHOWN_COMMITS])
    runs = f"{count} run{'s' * (count != 1)}{job}{' at ' * bool(commits)}{commits}"
    yield f"**{text(coverage(report))}.** {runs} against {text(report.answer.baseline_where)}."
    causes = report.other_causes()
    if causes:
        yield ""
    yield from (f"- {text(cause, _LONGEST_CAUSE)}" for cause in causes[:_CAUSES])
    if len(causes) > _CAUSES:
        yield f"- and {len(causes) - _CAUSES} more"
    shift = report.answer.assessment.environment_shift
    if shift is not None and shift.sentence not in causes:
        yield from ("", f"{text(shift.sentence)}.")
    yield ""


def _sections(report: Report, fold: frozenset[State]) -> Iterator[_Section]:
    """Yield what is shown, the most important first."""
    groups: tuple[tuple[str, tuple[State, ...]], ...] = (
        ("changed or undecided", ("regressed", "improved", "inconclusive")),
        ("not comparable", ("not_comparable",)),
        ("well", ("ok",)),
    )
    for title, states in groups:
        found = report.of_state(*states)
        if found:
            rows = tuple(_row(one) for one in found)
            yield _Section(f"{len(found)} {title}", rows, folded=bool(fold & set(states)))


def _row(finding: Finding) -> str:
    change = _solid(change_text(finding) or "")
    cells = (
        _state(finding),
        f"{code(asset_text(finding))}<br>{code(finding.metric)}{' (required)' * finding.required}",
        _values(finding),
        f"**{change}**" if finding.state == "regressed" and change else change,
        _sure(finding),
    )
    return f"| {' | '.join(cells)} |"


def _state(finding: Finding) -> str:
    shown = _STATES[finding.state].replace(" ", _SOLID)
    return f"{shown}<br>({finding.severity})" if finding.severity else shown


def _values(finding: Finding) -> str:
    values = (finding.baseline_value, finding.candidate_value)
    if values == (None, None):
        return ""
    was, now = (_solid(format_value(value, finding.unit)) for value in values)
    return f"{was}{_SOLID}→ {now}"


def _solid(words: str) -> str:
    return text(words).replace(" ", _SOLID)


def _sure(finding: Finding) -> str:
    """Return how sure a finding is: the interval of a change and its runs, or why there is no answer."""
    interval = interval_text(finding)
    if finding.state in {"regressed", "improved"} and interval is not None:
        return f"{_solid(interval)}<br>{finding.n_candidate} runs against {finding.n_baseline}"
    return text(sentence(finding))


def _next(report: Report) -> list[str]:
    steps = next_steps(report)
    if not steps:
        return []
    lines = [line for step in steps for line in ("", f"# {step.why}", *step.commands)][1:]
    return ["**What to do next**", "", *block(lines), ""]


def _closing(report: Report) -> Iterator[str]:
    confidence = report.answer.policy.confidence
    yield (
        f"<sub>“How sure” is the {confidence:.0%} interval of the change, and the runs of baseline and candidate."
        " “Worse” is beyond the limit and more than chance over all tests of this gate.</sub>"
    )
    if report.answer.undeclared:
        names = ", ".join(report.answer.undeclared)
        yield f"<sub>Not judged, since nobody declares them: {text(names)}.</sub>"


def _written(section: _Section, rows: Sequence[str]) -> Iterator[str]:
    """Yield a section with the rows that fit, and how many are left off."""
    left_off = len(section.rows) - len(rows)
    if section.folded:
        yield from (f"<details><summary>{section.title}</summary>", "")
    if rows:
        yield from (*_HEAD, *rows)
    if left_off:
        rest = f"{left_off} row{'s' * (left_off != 1)} of “{section.title}” left off for want of room"
        yield from ("", f"{rest}; the document of <code>--report json=FILE</code> has all.")
    yield ""
    if section.folded:
        yield from ("</details>", "")


def _fitting(sections: Iterable[_Section], room: int) -> list[tuple[str, ...]]:
    """Return the rows of each section that fit into so many bytes, the first sections first."""
    shown = []
    for section in sections:
        rows: list[str] = []
        room -= _size(_HEAD)
        for row in section.rows:
            room -= _size([row])
            if room < 0:
                break
            rows.append(row)
        shown.append(tuple(rows))
    return shown


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)
