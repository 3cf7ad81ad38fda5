"""The readiness of a commit for people and for programs: one model, told as text, Markdown and a document.

Rules:
- Blockers come first, each with what to do; what holds is told as shortly as it can be.
- Text from the ledger is data: control characters are escaped, and nothing in it becomes markup.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TextIO

from ledger.checklist import ITEMS, Assessment, Facts, ItemResult
from ledger.report.ci.escape import text as _cell
from ledger.report.json import plain
from ledger.report.readiness_sections import sections
from ledger.report.text import printable

SCHEMA_VERSION: Final = 1
"""Version of the document. Fields may be added; none is renamed or taken away within a version."""

_LONGEST: Final = 400
_SHOWN_COMMIT: Final = 12


def headline(found: Assessment) -> str:
    """Return the answer in one sentence."""
    place = f"commit {found.commit[:_SHOWN_COMMIT]} for {found.environment}"
    critical = [item for item in found.items if item.critical]
    if found.ready:
        return f"READY: {place}; all {len(critical)} critical items hold"
    return f"NOT READY: {place}; {len(found.blockers)} of {len(critical)} critical items block"


def write(found: Assessment, out: TextIO, artifacts: Mapping[str, str] | None = None) -> None:
    """Write the answer for a terminal: a line per item, blockers first, and what to do.

    Args:
        found: The answer.
        out: Where to.
        artifacts: Name of each artefact that would be deployed to its SHA-256 (hex).
    """
    out.write(printable(headline(found), _LONGEST) + "\n")
    told = sorted((artifacts or {}).items())
    out.writelines(printable(f"  artefact {name}: sha256 {digest}", _LONGEST) + "\n" for name, digest in told)
    for item in _ordered(found):
        out.write(printable(f"  {_word(item):7} {item.name}: {item.sentence}", _LONGEST) + "\n")
        if not item.holds and item.remedy:
            out.write(printable(f"          {item.remedy}", _LONGEST) + "\n")


def document(found: Assessment, artifacts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the answer for programs; its schema is ``readiness.schema.json``.

    Args:
        found: The answer.
        artifacts: Name of each artefact that would be deployed to its SHA-256 (hex).
    """
    told: dict[str, Any] = plain(
        {
            "schema": SCHEMA_VERSION,
            "ready": found.ready,
            "sentence": headline(found),
            "commit": found.commit,
            "environment": found.environment,
            "at": found.at,
            "artifacts": dict(sorted((artifacts or {}).items())),
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


def report(found: Assessment, facts: Facts) -> dict[str, Any]:
    """Return the validation report for programs: the answer, and the rows of every section."""
    told: dict[str, Any] = plain({section.name: list(section.rows) for section in sections(facts)})
    issues = [item for item in _ordered(found) if not item.holds]
    return document(found) | {
        "issues": [
            {"name": one.name, "critical": one.critical, "sentence": one.sentence, "remedy": one.remedy}
            for one in issues
        ],
        "sections": told,
    }


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
        [(item.name, _word(item), "yes" if item.critical else "", item.sentence) for item in _ordered(found)],
    )
    if found.blockers:
        yield from _section("To do before a deployment")
        for item in found.blockers:
            asks = f" ({_cell(ITEMS[item.name].asks)})" if item.name in ITEMS else ""
            yield f"- **{_cell(item.name)}**{asks}: {_cell(item.remedy)}"
    for section in sections(facts):
        yield from _section(section.title)
        names = tuple(column.title for column in section.columns)
        yield from _table(names, [tuple(column.shown(row) for column in section.columns) for row in section.rows])


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
