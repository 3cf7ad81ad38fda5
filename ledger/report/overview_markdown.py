"""The report as Markdown: readiness and verdicts first, then every series in a table, worst first.

Rules:
- The parts are those of ``readiness report`` and of the gate's summary, a level of headings below the title.
- Foreign text goes through ``ledger.report.ci.escape``.
"""

import re
from collections.abc import Iterator
from typing import Final

from ledger.report import readiness
from ledger.report.ci.escape import code, text
from ledger.report.ci.markdown import summary
from ledger.report.ci.model import Report
from ledger.report.gate import change_text, sentence
from ledger.report.overview import Chart, GateSection, Overview
from ledger.report.sparkline import sparkline
from ledger.units import ABSENT, format_value

_HEADING: Final = re.compile(r"^(#+ )", re.MULTILINE)
_COLUMNS: Final = ("asset", "metric", "heading", "change", "median", "latest", "accepted", "gate", "history")


def markdown(overview: Overview) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(overview)) + "\n"


def _lines(overview: Overview) -> Iterator[str]:
    yield f"# {text(overview.title)}"
    yield ""
    newest = "no runs" if overview.as_of is None else f"newest run {overview.as_of:%Y-%m-%d %H:%M} UTC"
    yield f"{text(overview.window)}; {newest}"
    for problem in overview.problems:
        yield ""
        yield f"**Not read:** {text(problem)}"
    yield ""
    yield from _readiness(overview)
    for gate in overview.gates:
        yield ""
        yield from _gate(gate)
    yield ""
    yield "## Trends"
    yield ""
    yield from _trends(overview)


def _readiness(overview: Overview) -> Iterator[str]:
    found, facts = overview.readiness.assessment, overview.readiness.facts
    if found is None or facts is None:
        yield f"Readiness was not judged: {text(overview.readiness.why)}"
    else:
        yield _HEADING.sub(r"#\1", readiness.markdown(found, facts)).rstrip("\n")


def _gate(section: GateSection) -> Iterator[str]:
    yield f"## Gate of {text(section.job)}"
    yield ""
    if section.answer is None:
        yield f"It could not be asked: {text(section.why)}"
    else:
        yield summary(Report(answer=section.answer)).rstrip("\n")


def _trends(overview: Overview) -> Iterator[str]:
    if not overview.charts:
        yield "No histories."
        return
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for chart in overview.charts:
        yield f"| {' | '.join(_cells(chart))} |"


def _cells(chart: Chart) -> Iterator[str]:
    trend = chart.trend
    yield code(f"{trend.asset}[{trend.partition}]" if trend.partition else trend.asset)
    yield code(trend.metric)
    yield trend.heading
    yield ABSENT if trend.change_ratio is None else f"{trend.change_ratio:+.1%}"
    yield format_value(trend.median, trend.unit)
    yield format_value(trend.latest, trend.unit)
    yield ABSENT if chart.accepted is None else format_value(chart.accepted.median, trend.unit)
    yield ABSENT if chart.finding is None else text(f"{change_text(chart.finding) or ''} {sentence(chart.finding)}")
    yield sparkline(trend.values, width=24)
