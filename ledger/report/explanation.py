"""The ladder of reasons behind one finding, for people and for programs."""

from dataclasses import dataclass
from typing import Any, TextIO

import pyarrow as pa

from ledger.report import table
from ledger.report.columns import Column
from ledger.report.gate import finding_fields, sentence
from ledger.report.text import printable
from ledger.stats.records import Comparison, Finding, Observations, Policy
from ledger.units import ROWS, SECONDS


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that led to one finding.

    Attributes:
        comparison: What was compared.
        finding: What was found.
        policy: What was tolerated.
        tests: How many tests the gate made.
        baseline_where: Where the baseline is from.
        job: Job of the runs.
    """

    comparison: Comparison
    finding: Finding
    policy: Policy
    tests: int
    baseline_where: str
    job: str | None


def write(found: Explanation, out: TextIO) -> None:
    """Write the ladder, one step after the other."""
    comparison, finding = found.comparison, found.finding
    part = f"[{comparison.partition}]" if comparison.partition else ""
    state = f"{finding.state.replace('_', ' ')}{f' ({finding.severity})' if finding.severity else ''}"
    out.write(printable(f"{comparison.asset}{part} {comparison.metric}: {state}") + "\n\n")
    for number, (title, sentences) in enumerate(ladder(found), 1):
        out.write(f"{number}. {title}\n")
        out.writelines(f"   {printable(said)}\n" for said in sentences)
    for name, side in _sides(comparison):
        out.write(f"\n{name}: {len(side.values)} run{'s' * (len(side.values) != 1)}\n")
        if side.values:
            table.write(_values(side, comparison.unit), _COLUMNS, out)


def document(found: Explanation) -> dict[str, Any]:
    """Return the ladder for programs."""
    return {
        "schema": 1,
        "finding": finding_fields(found.finding),
        "tests": found.tests,
        "ladder": [{"step": title, "sentences": list(sentences)} for title, sentences in ladder(found)],
        "sides": {name: _values(side, found.comparison.unit).to_pylist() for name, side in _sides(found.comparison)},
    }


def ladder(found: Explanation) -> list[tuple[str, list[str]]]:
    """Return the steps that lead to the finding, each a title and its sentences."""
    return [
        ("comparable", [_comparable(found)]),
        ("size", [_size(found.comparison)]),
        ("change", _change(found.finding)),
        ("test", _test(found)),
        ("severity", [_severity(found)]),
        ("answer", list(dict.fromkeys((*found.finding.reasons, sentence(found.finding))))),
    ]


_COLUMNS = (
    Column("run_id", "run"),
    Column("value", "value", unit_column="unit"),
    Column("rows", "rows", ROWS),
    Column("probe_s", "probe", SECONDS),
    Column("host", "host"),
    Column("process", "process", cell_characters=60),
)


def _sides(comparison: Comparison) -> list[tuple[str, Observations]]:
    anchor = [] if comparison.anchor is None else [("anchor", comparison.anchor)]
    return [("candidate", comparison.candidate), ("baseline", comparison.baseline), *anchor]


def _values(side: Observations, unit: str) -> pa.Table:
    count = len(side.values)

    def column(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
        return pa.array(values or (None,) * count, kind)

    return pa.table(
        {
            "run_id": column(side.run_ids, pa.string()),
            "value": column(side.values, pa.float64()),
            "unit": pa.array([unit] * count, pa.string()),
            "rows": column(side.rows, pa.float64()),
            "probe_s": column(side.probe_s, pa.float64()),
            "host": column(side.hosts, pa.string()),
            "process": column(side.launch_ids, pa.string()),
        }
    )


def _comparable(found: Explanation) -> str:
    if found.comparison.not_comparable is not None:
        return f"no: {found.comparison.not_comparable}"
    if found.finding.state == "not_comparable":
        return f"no: {found.finding.reasons[0] if found.finding.reasons else 'no reason was given'}"
    return f"yes: same machine, packages, configuration and data as {found.baseline_where}"


def _size(comparison: Comparison) -> str:
    spans = []
    for name, side in _sides(comparison):
        known = sorted(rows for rows in side.rows if rows is not None)
        spans.append(f"{name} {known[0]:,.0f} to {known[-1]:,.0f} rows" if known else f"{name} without known rows")
    return "; ".join(spans)


def _change(finding: Finding) -> list[str]:
    if finding.estimate is None:
        return ["not computed"]
    limit = f"the limit is {_points(finding, finding.limit)}"
    raw = finding.raw_estimate
    said = [f"worse by {_points(finding, finding.estimate)} (a negative number is better); {limit}"]
    if finding.interval is not None:
        ends = " to ".join(_points(finding, end) for end in finding.interval)
        said.append(f"interval {ends}")
    if finding.upper_bound is not None:
        said.append(f"one-sided upper bound {_points(finding, finding.upper_bound)}")
    if raw is not None and raw != finding.estimate:
        said.append(f"before the shift of the whole machine was taken out: {_points(finding, raw)}")
    return said


def _test(found: Explanation) -> list[str]:
    finding = found.finding
    if finding.p is None:
        return ["none was made"]
    adjusted = "" if finding.adjusted_p is None else f"; {finding.adjusted_p:.3g} after the correction for all tests"
    return [f"p {finding.p:.3g}{adjusted} ({found.tests} in this gate); reported from {found.policy.alpha:g} down"]


def _severity(found: Explanation) -> str:
    policy, limit = found.policy, found.finding.limit
    bands = (
        "the lower bound of the interval makes a regression a warning, from"
        f" {_points(found.finding, policy.error_from * limit)} on an error, from"
        f" {_points(found.finding, policy.critical_from * limit)} on critical"
    )
    return f"{found.finding.severity or 'none, it did not regress'}: {bands}"


def _points(finding: Finding, change: float) -> str:
    return f"{100.0 * change:.2f} points" if finding.kind == "quality" else f"{100.0 * change:.1f} %"
