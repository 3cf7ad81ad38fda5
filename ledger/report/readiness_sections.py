"""The sections of a validation report: what each tells, as rows for programs and as cells for people.

Rules:
- A section is there whether it has rows or not: that there is nothing is something to be told.
- A row holds what was seen, a column how people read it; every format is made from the same sections.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ledger.checklist import Facts

Row: TypeAlias = Mapping[str, Any]

_SHOWN_ID: Final = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the name of its values in the rows, its title, and how a value is written."""

    name: str
    title: str
    write: Callable[[Any], str] = str

    def shown(self, row: Row) -> str:
        """Return the cell of a row, empty where there is nothing."""
        value = row[self.name]
        return "" if value is None else self.write(value)


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name for programs, its title for people, its columns and its rows."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def sections(facts: Facts) -> tuple[Section, ...]:
    """Return the sections of a report, in the order they are read in."""
    return (
        _tests(facts),
        _quality(facts),
        _performance(facts),
        _baselines(facts),
        _trends(facts),
        _alerts(facts),
        _overrides(facts),
        _gate_overrides(facts),
        _ledger(facts),
    )


def _yes(holds: bool) -> str:  # noqa: FBT001 - a truth value is all there is to say
    return "yes" if holds else ""


def _result(passed: bool) -> str:  # noqa: FBT001 - a truth value is all there is to say
    return "passed" if passed else "failed"


def _number(value: float) -> str:
    return f"{value:.4g}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _short(text: str) -> str:
    return text[:_SHOWN_ID]


def _tests(facts: Facts) -> Section:
    columns = (Column("case", "case"), Column("passed", "result", _result), Column("event", "event"))
    known = {one.case: one for one in facts.smoke}
    rows = [
        {"case": case, "passed": one.passed, "dirty": one.dirty, "event": one.event}
        if (one := known.get(case)) is not None
        else {"case": case, "passed": None, "dirty": None, "event": None}
        for case in facts.smoke_cases
    ]
    return Section("tests", "Smoke tests", columns, tuple(rows))


def _quality(facts: Facts) -> Section:
    columns = (
        Column("asset", "asset"),
        Column("check", "check"),
        Column("passed", "result", _result),
        Column("value", "value", _number),
        Column("threshold", "limit", _number),
        Column("required", "limit of the commit", _number),
        Column("blocking", "blocks", _yes),
    )
    rows = [
        {
            "job": run.job,
            "run_id": run.run_id,
            "asset": one.asset,
            "check": one.check,
            "metric": one.metric,
            "passed": one.passed,
            "value": one.value,
            "threshold": one.threshold,
            "required": one.required,
            "blocking": one.blocking,
            "event": one.event,
        }
        for run in facts.runs
        for one in run.checks
    ]
    return Section("quality", "Quality", columns, tuple(rows))


def _performance(facts: Facts) -> Section:
    columns = (
        Column("job", "job"),
        Column("outcome", "outcome"),
        Column("judged", "judged"),
        Column("findings", "of"),
        Column("anchored", "against an anchor"),
        Column("run_ids", "runs", lambda names: str(len(names))),
        Column("said", "what was said"),
    )
    rows = [
        {
            "job": gate.job,
            "outcome": gate.outcome or "not judged",
            "judged": gate.judged,
            "findings": gate.findings,
            "anchored": gate.anchored,
            "run_ids": list(gate.run_ids),
            "baseline_digest": gate.baseline_digest,
            "regressed": list(gate.regressed),
            "verdict": gate.verdict,
            "said": "; ".join(gate.regressed) or gate.sentence,
        }
        for gate in facts.gates
    ]
    return Section("performance", "Performance", columns, tuple(rows))


def _baselines(facts: Facts) -> Section:
    columns = (Column("path", "file"), Column("asset", "asset"), Column("sha256", "SHA-256"))
    rows = [{"path": one.path, "asset": one.asset, "sha256": one.sha256} for one in facts.baselines]
    return Section("baselines", "Baselines", columns, tuple(rows))


def _trends(facts: Facts) -> Section:
    columns = (Column("asset", "asset"), Column("metric", "metric"), Column("heading", "heading"))
    rows = [{"asset": one.asset, "metric": one.metric, "heading": one.sentence} for one in facts.trends]
    return Section("trends", "Trends that get worse", columns, tuple(rows))


def _alerts(facts: Facts) -> Section:
    columns = (
        Column("alert_id", "alert", _short),
        Column("severity", "severity"),
        Column("asset", "asset"),
        Column("owner", "answered for by"),
        Column("acknowledged_until", "until", _moment),
        Column("message", "what"),
    )
    rows = [
        {
            "alert_id": one.alert_id,
            "severity": one.severity,
            "asset": one.asset,
            "run_id": one.run_id,
            "message": one.message,
            "owner": one.owner,
            "reason": one.reason,
            "acknowledged_until": one.acknowledged_until,
            "event": one.event,
        }
        for one in facts.alerts
    ]
    return Section("alerts", "Alerts", columns, tuple(rows))


def _overrides(facts: Facts) -> Section:
    columns = (
        Column("job", "job"),
        Column("setting", "setting"),
        Column("value", "value"),
        Column("source", "source"),
    )
    rows = [
        {"job": run.job, "setting": setting, "value": value, "source": source}
        for run in facts.runs
        for setting, value, source in run.overrides
    ]
    return Section("overrides", "Configuration that was overridden", columns, tuple(rows))


def _gate_overrides(facts: Facts) -> Section:
    columns = (
        Column("asset", "asset"),
        Column("check", "check"),
        Column("owner", "owner"),
        Column("expires", "until"),
        Column("reason", "reason"),
    )
    rows = [
        {
            "asset": one.asset,
            "check": one.check or "all",
            "owner": one.owner,
            "expires": one.expires,
            "reason": one.reason,
            "event": one.event,
        }
        for one in facts.gate_overrides
    ]
    return Section("gate_overrides", "Quality gates that are overridden", columns, tuple(rows))


def _ledger(facts: Facts) -> Section:
    columns = (
        Column("origin", "ledger"),
        Column("size", "sealed appends", lambda count: f"{count:,}"),
        Column("root", "root"),
        Column("problems", "problems", "; ".join),
    )
    one = facts.ledger
    row = None if one is None else {"origin": one.origin, "size": one.size, "root": one.root}
    rows = () if one is None or row is None else ({**row, "problems": list(one.problems)},)
    return Section("ledger", "Ledger", columns, rows)
