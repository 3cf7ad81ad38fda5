"""What every output for continuous integration is made of: the gate's answer, and where each finding stands in git.

Rules:
- An output only formats: what was found is ``ledger.report.gate``'s, and no output judges for itself.
- The report knows no time and no machine it is written on, so that the same answer gives the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger.report.gate import GateAnswer, change_text, interval_text
from ledger.stats.records import Finding, State
from ledger.units import format_value
from ledger.verdict import JUDGED, name_of

_TOO_FEW: Final = re.compile(r"too few runs|one candidate run|does not show its noise|has no runs")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file of the repository: its path from the root with ``/``, and the line from 1."""

    path: str
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer of the gate, and what only its surroundings know.

    Attributes:
        answer: What the gate said.
        elsewhere: Where a finding stands that has no place of its own.
        places: Place of each finding, by asset, partition (empty without one) and metric.
        choice: Words of the command line that chose what was judged, for commands that ask the same again.
    """

    answer: GateAnswer
    elsewhere: Place = Place("config/base.yaml")
    places: Mapping[tuple[str, str, str], Place] = field(default_factory=dict)
    choice: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, the gravest first."""
        return self.answer.worst_first()

    @property
    def name(self) -> str:
        """Return what the report is called: the gate, and the job where it is known."""
        return f"dagster-ledger gate of {self.answer.job}" if self.answer.job else "dagster-ledger gate"

    def place_of(self, finding: Finding) -> Place:
        """Return where a finding stands."""
        return self.places.get(finding.key, self.elsewhere)

    def of_state(self, *states: State) -> tuple[Finding, ...]:
        """Return the findings in some states, the gravest first."""
        return tuple(one for one in self.findings if one.state in states)

    def other_causes(self) -> tuple[str, ...]:
        """Return why it is no pass, without the regressions that the findings tell already."""
        told = {f"{name_of(one)} regressed ({one.severity})" for one in self.of_state("regressed")}
        return tuple(cause for cause in self.answer.verdict.causes if cause not in told)


def coverage(report: Report) -> str:
    """Return how much was judged and why the rest was not: ``judged 287 of 300; 9 too few runs; 4 other machine``."""
    verdict = report.answer.verdict
    open_rows = [one for one in report.findings if one.state not in JUDGED]
    parts = [f"judged {verdict.judged} of {verdict.total}"]
    parts += [f"{count} {why}" for why, count in _counted(why_open(one) for one in open_rows)]
    parts += [f"{len(verdict.missing)} required but not measured"] if verdict.missing else []
    return "; ".join(parts)


def why_open(finding: Finding) -> str:
    """Return in a few words why a finding is no answer, the same words for the same reason."""
    reason = finding.reasons[-1] if finding.reasons else ""
    if finding.state == "inconclusive":
        return "too few runs" if _TOO_FEW.search(reason) else "undecided"
    # What follows a colon or a semicolon tells the case, or what to do; the kind of reason stands before it.
    first = finding.reasons[0] if finding.reasons else "not comparable"
    return re.split(r"[:;]", first, maxsplit=1)[0].strip() or "not comparable"


def change_sentence(finding: Finding) -> str:
    """Return what changed, by how much and how sure that is: ``10.05 s → 13.98 s, +39.1 % (+34.0 % … +44.4 %)``.

    It is empty where the change cannot be said and no value is known.
    """
    values = [finding.baseline_value, finding.candidate_value]
    known = "" if values == [None, None] else " → ".join(format_value(value, finding.unit) for value in values)
    interval = interval_text(finding)
    change = f"{change_text(finding) or ''}{'' if interval is None else f' ({interval})'}"
    return ", ".join(part for part in (known, change) if part)


def _counted(words: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
