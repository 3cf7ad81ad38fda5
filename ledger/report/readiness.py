"""The readiness of a commit for people and for programs: one model, told as text, Markdown and a document.

Rules:
- Blockers come first, each with what to do; what holds is told as shortly as it can be.
- Text from the ledger is data: control characters are escaped, and nothing in it becomes markup.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TextIO

from ledger.checklist import ITEMS, Assessment, Facts, ItemResult
from ledger.report.json import plain
from ledger.report.text import printable

SCHEMA_VERSION: Final = 1
"""Version of the document. Fields may be added; none is renamed or taken away within a version."""

_LONGEST: Final = 400
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|#!~])")
_SHOWN_COMMIT: Final = 12


def headline(found: Assessment) -> str:
    """Return the answer in one sentence."""
    place = f"commit {found.commit[:_SHOWN_COMMIT]} for {found.environment}"
    critical = [item for item in found.items if item.critical]
    if found.ready:
        return f"READY: {place}; all {len(critical)} critical items hold"
    return f"NOT READY: {place}; {len(found.blockers)} of {len(critical)} critical items block"


def write(found: Assessment, out: TextIO) -> None:
    """Write the answer for a terminal: a line per item, blockers first, and what to do."""
    out.write(printable(headline(found), _LONGEST) + "\n")
    for item in _ordered(found):
        out.write(printable(f"  {_word(item):7} {item.name}: {item.sentence}", _LONGEST) + "\n")
        if not item.holds and item.remedy:
            out.write(printable(f"          {item.remedy}", _LONGEST) + "\n")


def document(found: Assessment) -> dict[str, Any]:
    """Return the answer for programs; its schema is ``readiness.schema.json``."""
    told: dict[str, Any] = plain(
        {
            "schema": SCHEMA_VERSION,
            "ready": found.ready,
            "sentence": headline(found),
            "commit": found.commit,
            "environment": found.environment,
            "at": found.at,
            "blockers": [item.name for item in found.blockers],
            "items": [
                {
                    "name": item.name,
                    "critical": item.critical,
                    "holds": item.holds,
                    "sentence": item.sentence,
                    "remedy": item.remedy if not item.holds else "",
                    "evidence": item.evidence,
                }
                for item in found.items
            ],
        }
    )
    return told


def markdown(found: Assessment, facts: Facts) -> str:
    """Return the validation report: what operations reviews before a deployment."""
    return "\n".join(_lines(found, facts)) + "\n"


def _lines(found: Assessment, facts: Facts) -> Iterator[str]:
    yield f"# Validation report: {_cell(found.commit[:_SHOWN_COMMIT])} for {_cell(found.environment)}"
    yield ""
    yield f"**{_cell(headline(found))}.** Judged at {found.at:%Y-%m-%d %H:%M:%S} UTC."
    yield ""
    yield from _table(
        ("item", "", "critical", "what was found"),
        [(item.name, _word(item), _yes(item.critical), item.sentence) for item in _ordered(found)],
    )
    known = [item for item in found.blockers if item.name in ITEMS]
    if known:
        yield from _section("To do before a deployment")
        for item in known:
            yield f"- **{_cell(item.name)}** ({_cell(ITEMS[item.name].asks)}): {_cell(item.remedy)}"
    for title, names, rows in _sections(facts):
        yield from _section(title)
        yield from _table(names, rows)
    yield from _section("Ledger")
    ledger = facts.ledger
    if ledger is None:
        yield "It was not verified."
    else:
        yield f"`{_cell(ledger.origin)}`, {ledger.size:,} sealed appends, root `{ledger.root}`."
        yield from (f"- {_cell(problem)}" for problem in ledger.problems)


def _sections(facts: Facts) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield title, column names and rows of each table."""
    smoke: list[tuple[str, ...]] = [(one.case, _result(one.passed), one.event) for one in facts.smoke]
    yield "Smoke tests", ("case", "result", "event"), smoke
    yield (
        "Quality",
        ("asset", "check", "result", "value", "limit", "blocks"),
        [
            (one.asset, one.check, _result(one.passed), _number(one.value), _number(one.threshold), _yes(one.blocking))
            for run in facts.runs
            for one in run.checks
        ],
    )
    yield (
        "Performance",
        ("job", "outcome", "judged", "runs", "what was said"),
        [
            (gate.job, gate.outcome or "not judged", f"{gate.judged} of {gate.findings}", str(len(gate.run_ids)), said)
            for gate in facts.gates
            for said in ("; ".join(gate.regressed) or gate.sentence,)
        ],
    )
    yield "Baselines", ("file", "asset", "SHA-256"), [(one.path, one.asset, one.sha256) for one in facts.baselines]
    worse: list[tuple[str, ...]] = [(one.asset, one.metric, one.sentence) for one in facts.trends]
    yield "Trends that get worse", ("asset", "metric", "heading"), worse
    yield (
        "Alerts",
        ("alert", "severity", "asset", "answered for until", "what"),
        [
            (one.alert_id[:_SHOWN_COMMIT], one.severity, one.asset or "", until, one.message)
            for one in facts.alerts
            for until in ("" if one.acknowledged_until is None else f"{one.acknowledged_until:%Y-%m-%d %H:%M} UTC",)
        ],
    )
    overrides: list[tuple[str, ...]] = [(run.job, *override) for run in facts.runs for override in run.overrides]
    yield "Configuration that was overridden", ("job", "setting", "value", "source"), overrides
    yield (
        "Quality gates that are overridden",
        ("asset", "check", "owner", "until", "reason"),
        [(one.asset, one.check or "all", one.owner, one.expires, one.reason) for one in facts.gate_overrides],
    )


def _section(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _table(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table, or that there is nothing."""
    if not rows:
        yield "None."
        return
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _ordered(found: Assessment) -> list[ItemResult]:
    """Return the items: blockers, other critical ones, then those that advise."""
    return sorted(found.items, key=lambda item: (not (item.critical and not item.holds), not item.critical))


def _word(item: ItemResult) -> str:
    if item.holds:
        return "holds"
    return "BLOCKS" if item.critical else "advice"


def _yes(holds: bool) -> str:  # noqa: FBT001 - a truth value is all there is to say
    return "yes" if holds else ""


def _result(passed: bool) -> str:  # noqa: FBT001 - a truth value is all there is to say
    return "passed" if passed else "failed"


def _cell(text: str) -> str:
    return _MARKUP.sub(r"\\\1", printable(text, _LONGEST))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
