"""The answer of the regression gate for people and for programs.

Rules:
- Worst first. A change is told with its interval; where it cannot be said, nothing stands in for it.
- A metric that is well is certified up to a number: not "no alarm", but "no regression above 3.1 %".
- The document is the same for the same answer, byte for byte: no time, no order that depends on anything else.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Protocol, TextIO

import pyarrow as pa

from ledger.report import table
from ledger.report.columns import Column
from ledger.report.text import printable
from ledger.stats.records import Assessment, Finding, Policy
from ledger.units import format_value
from ledger.verdict import Verdict

SCHEMA_VERSION: Final = 1
"""Version of the document. 1: the first. Fields may be added; none is renamed or taken away within a version."""

COLUMNS: Final = (
    Column("state", "state"),
    Column("asset", "asset"),
    Column("metric", "metric"),
    Column("change", "change"),
    Column("interval", "interval", rank=3),
    Column("was", "was", rank=2),
    Column("now", "is", rank=2),
    Column("sentence", "", cell_characters=400),
)


class GateAnswer(Protocol):
    """What a report needs of an answer; see ``ledger.service.gate.regression.Answer``."""

    @property
    def job(self) -> str | None:
        """Job of the candidates."""

    @property
    def candidate_run_ids(self) -> tuple[str, ...]:
        """The candidates."""

    @property
    def code_versions(self) -> tuple[str, ...]:
        """Commits they ran."""

    @property
    def baseline(self) -> object:
        """What they were held against, as it is written."""

    @property
    def baseline_where(self) -> str:
        """The same in words."""

    @property
    def baseline_digest(self) -> str:
        """Digest of it."""

    @property
    def assessment(self) -> Assessment:
        """The findings."""

    @property
    def verdict(self) -> Verdict:
        """What they come to."""

    @property
    def policy(self) -> Policy:
        """What was tolerated."""

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Metrics that nobody declares."""

    def worst_first(self) -> tuple[Finding, ...]:
        """Return the findings in the order they are told in."""


def write(answer: GateAnswer, out: TextIO, *, columns_wide: int = 120, every: bool = True) -> None:
    """Write the answer for people.

    Args:
        answer: The answer.
        out: Where to.
        columns_wide: Cells of the terminal.
        every: Whether metrics that are well are listed too.
    """
    findings = [one for one in answer.worst_first() if every or one.state != "ok"]
    if findings:
        table.write(_table(findings), COLUMNS, out, columns_wide=columns_wide)
        out.write("\n")
    shift = answer.assessment.environment_shift
    if shift is not None:
        out.write(printable(shift.sentence) + "\n")
    if answer.undeclared:
        names = ", ".join(answer.undeclared)
        out.write(printable(f"not judged, since nobody declares them: {names}; declare them under `metrics:`") + "\n")
    job = f" of {answer.job}" if answer.job else ""
    count = len(answer.candidate_run_ids)
    out.write(printable(f"{count} run{'s' * (count != 1)}{job} against {answer.baseline_where}") + "\n")
    out.writelines(f"  {printable(cause)}\n" for cause in answer.verdict.causes)
    out.write(printable(f"{answer.verdict.outcome}: {answer.verdict.sentence}") + "\n")


def document(answer: GateAnswer) -> dict[str, Any]:
    """Return the answer for programs; ``gate.schema.json`` beside this module describes it."""
    verdict, shift = answer.verdict, answer.assessment.environment_shift
    return {
        "schema": SCHEMA_VERSION,
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        "causes": list(verdict.causes),
        "judged": verdict.judged,
        "total": verdict.total,
        "counts": {state: verdict.counts.get(state, 0) for state in sorted({*verdict.counts, *_STATES})},
        "missing": list(verdict.missing),
        "job": answer.job,
        "candidate": {"run_ids": list(answer.candidate_run_ids), "code_versions": list(answer.code_versions)},
        "baseline": {
            "source": str(answer.baseline),
            "where": answer.baseline_where,
            "digest": answer.baseline_digest,
        },
        "environment_shift": None
        if shift is None
        else {
            "source": shift.source,
            "shift_ratio": shift.shift_ratio,
            "agreement": shift.agreement,
            "assets": shift.assets,
            "probe_ratio": shift.probe_ratio,
            "confirmed": shift.confirmed,
            "exceeds_limit": shift.exceeds_limit,
            "sentence": shift.sentence,
        },
        "undeclared": list(answer.undeclared),
        "findings": [finding_fields(finding) for finding in answer.worst_first()],
    }


def finding_fields(finding: Finding) -> dict[str, Any]:
    """Return a finding for programs."""
    return {
        "asset": finding.asset,
        "partition": finding.partition,
        "metric": finding.metric,
        "kind": finding.kind,
        "direction": finding.direction,
        "unit": finding.unit,
        "state": finding.state,
        "severity": finding.severity,
        "required": finding.required,
        "against": finding.against,
        "limit": finding.limit,
        "estimate": finding.estimate,
        "interval": None if finding.interval is None else list(finding.interval),
        "upper_bound": finding.upper_bound,
        "raw_estimate": finding.raw_estimate,
        "p": finding.p,
        "adjusted_p": finding.adjusted_p,
        "needed_runs": finding.needed_runs,
        "n_baseline": finding.n_baseline,
        "n_candidate": finding.n_candidate,
        "baseline_value": finding.baseline_value,
        "candidate_value": finding.candidate_value,
        "delta": finding.delta,
        "change_percent": change_percent(finding),
        "sentence": sentence(finding),
        "reasons": list(finding.reasons),
    }


def sentence(finding: Finding) -> str:
    """Return what a finding says, without its numbers: certified, needed runs, or why."""
    last = finding.reasons[-1] if finding.reasons else finding.state.replace("_", " ")
    if finding.state == "ok":
        bound = finding.upper_bound
        return (
            "certified: no worsening" if bound is None else f"certified: no regression above {_upper(finding, bound)}"
        )
    if finding.state == "inconclusive" and finding.needed_runs:
        return f"{finding.needed_runs} more run{'s' * (finding.needed_runs != 1)} needed; {last}"
    if finding.state == "not_comparable":
        return finding.reasons[0] if finding.reasons else last
    return last


def change_percent(finding: Finding) -> float | None:
    """Return the change of the value in per cent of the baseline, ``None`` where that is zero or unknown.

    It is signed as the value is, while ``estimate`` is signed so that more is worse.
    """
    if finding.delta is None or not finding.baseline_value:
        return None
    return 100.0 * finding.delta / abs(finding.baseline_value)


def asset_text(finding: Finding) -> str:
    """Return the asset of a finding with its partition, as people read it."""
    return f"{finding.asset}[{finding.partition}]" if finding.partition else finding.asset


def change_text(finding: Finding) -> str | None:
    """Return the change of the value with its sign, ``None`` where it cannot be said."""
    return None if finding.estimate is None else _signed(finding, _as_value(finding, finding.estimate))


def interval_text(finding: Finding) -> str | None:
    """Return the interval of the change of the value, ``None`` where there is none."""
    if finding.interval is None:
        return None
    ends = sorted(_as_value(finding, end) for end in finding.interval)
    return f"{_signed(finding, ends[0])} … {_signed(finding, ends[1])}"


_STATES: Final = ("regressed", "improved", "ok", "inconclusive", "not_comparable")


def _table(findings: Sequence[Finding]) -> pa.Table:
    rows = [
        {
            "state": _state(one),
            "asset": asset_text(one),
            "metric": f"{one.metric}{'*' * one.required}",
            "change": change_text(one),
            "interval": interval_text(one),
            "was": format_value(one.baseline_value, one.unit),
            "now": format_value(one.candidate_value, one.unit),
            "sentence": sentence(one),
        }
        for one in findings
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([(column.name, pa.string()) for column in COLUMNS]))


def _state(finding: Finding) -> str:
    if finding.state == "regressed":
        return f"regressed ({finding.severity})" if finding.severity else "regressed"
    return "undecided" if finding.state == "inconclusive" else finding.state.replace("_", " ")


def _as_value(finding: Finding, worsening: float) -> float:
    """Return a worsening as the change of the value itself, so that a rate that fell is told as a fall."""
    if finding.direction != "higher_is_better":
        return worsening
    return -worsening if finding.kind == "quality" else 1.0 / (1.0 + worsening) - 1.0


def _signed(finding: Finding, change: float) -> str:
    if finding.kind == "quality":
        return f"{100.0 * change:+.2f} points"
    return f"{100.0 * change:+.1f} %"


def _upper(finding: Finding, bound: float) -> str:
    """Return a certified bound, rounded up so that it holds; a bound below zero certifies no worsening at all."""
    if finding.kind == "quality":
        return f"{max(math.ceil(bound * 1e4) / 1e2, 0.0):.2f} points"
    return f"{max(math.ceil(bound * 1e3) / 1e1, 0.0):.1f} %"
