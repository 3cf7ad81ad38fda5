"""A report on histories for people: a table, worst first, then each change of level with its runs and commits."""

from typing import TYPE_CHECKING, Final, TextIO

import pyarrow as pa

from ledger.report import table
from ledger.report.columns import Column
from ledger.report.sparkline import sparkline
from ledger.report.text import printable, width
from ledger.report.trends import Change, SeriesTrend, TrendReport
from ledger.units import COUNT, format_value

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS: Final = (
    Column("asset", "asset"),
    Column("partition", "partition", rank=2),
    Column("metric", "metric"),
    Column("heading", "heading"),
    Column("change", "change"),
    Column("between", "between", rank=3),
    Column("runs", "runs", COUNT, rank=3),
    Column("median", "median", rank=2, unit_column="unit"),
    Column("latest", "latest", rank=3, unit_column="unit"),
    Column("series", "series", rank=1),
    Column("history", "history", rank=1),
)
_TITLES: Final = (
    ("worse", "getting worse"),
    ("unknown", "undecided"),
    ("steady", "flat"),
    ("better", "getting better"),
)
_TOLD: Final = ("asset", "metric", "heading", "change")
"""What a history is shown beside, however narrow the terminal is."""
_SHORTEST_HISTORY: Final = 8
_LONGEST_HISTORY: Final = 40
_MOST_COMMITS: Final = 5
_SHORT: Final = 8


def write(report: TrendReport, out: TextIO, *, marks: str, columns_wide: int = 120) -> None:
    """Write the report.

    Args:
        report: What is told.
        out: Where to.
        marks: Marks of sparklines; see ``ledger.report.sparkline``.
        columns_wide: Cells of the terminal.
    """
    if not report.series:
        out.write("no histories\n")
        return
    counts = {standing: sum(each.standing == standing for each in report.series) for standing, _ in _TITLES}
    told = ", ".join(f"{counts[standing]} {title}" for standing, title in _TITLES if counts[standing])
    out.write(printable(f"{report.window}: {told}") + "\n\n")
    table.write(_table(report, marks, columns_wide), _shown(report), out, columns_wide=columns_wide)
    write_changes(report, out)
    _write_notes(report, out)
    _write_recorded(report, out)


def write_changes(report: TrendReport, out: TextIO) -> None:
    """Write every change of level, series after series."""
    pairs = [(series, change) for series in report.series for change in series.changes]
    if pairs:
        out.write("\nchanges of level\n")
    out.writelines(f"{printable(_line(series, change), 1000)}\n" for series, change in pairs)


def _table(report: TrendReport, marks: str, columns_wide: int) -> pa.Table:
    """Return the table of series, its histories as long as the terminal has room for."""
    text: dict[str, Callable[[SeriesTrend], str | None]] = {
        "asset": lambda each: each.asset,
        "partition": lambda each: each.partition,
        "metric": lambda each: each.metric,
        "heading": lambda each: each.heading + ("?" if any(change.provisional for change in each.changes) else ""),
        "change": lambda each: None if each.change_ratio is None else f"{each.change_ratio:+.1%}",
        "between": _between,
        "unit": lambda each: each.unit,
        "series": lambda each: f"{each.machine_digest[:4]}-{each.config_digest[:4]}",
    }
    columns = {name: pa.array([give(each) for each in report.series], pa.string()) for name, give in text.items()}
    told = sum(2 + max(len(name), *(width(cell or "") for cell in columns[name].to_pylist())) for name in _TOLD)
    cells = min(max(columns_wide - told, _SHORTEST_HISTORY), _LONGEST_HISTORY)
    columns["history"] = pa.array([sparkline(each.values, cells, marks) for each in report.series], pa.string())
    columns["runs"] = pa.array([each.runs for each in report.series], pa.int64())
    columns["median"] = pa.array([each.median for each in report.series], pa.float64())
    columns["latest"] = pa.array([each.latest for each in report.series], pa.float64())
    return pa.table(columns)


def _shown(report: TrendReport) -> tuple[Column, ...]:
    """Return the columns that tell something: without partitions there is no column of them."""
    empty = set()
    if all(each.partition is None for each in report.series):
        empty.add("partition")
    if not any(each.notes for each in report.series):
        empty.add("series")
    return tuple(column for column in COLUMNS if column.name not in empty)


def _between(series: SeriesTrend) -> str | None:
    """Return the interval of the change; of several steps it is told with each of them."""
    if series.interval is None:
        return None
    low, high = series.interval
    if series.change_ratio is None:
        return f"{low:+.3g} … {high:+.3g} {series.unit}"
    return f"{low:+.1%} … {high:+.1%}"


def _name(series: SeriesTrend) -> str:
    partition = f"[{series.partition}]" if series.partition else ""
    return f"{series.asset}{partition} {series.metric}"


def _line(series: SeriesTrend, change: Change) -> str:
    return f"{_name(series)}: {_sentence(series, change)}"


def _sentence(series: SeriesTrend, change: Change) -> str:
    """Return a change in words: how much, where, which commits, on what evidence, and what became of it."""
    when = f" ({change.ts:%Y-%m-%d %H:%M} UTC)" if change.ts else ""
    parts = [
        f"{_size(series, change)} from run {change.run_id[:_SHORT]} on{when}",
        f"within runs {change.earliest_run_id[:_SHORT]} to {change.latest_run_id[:_SHORT]}",
        _commits(change),
        "packages changed" if change.packages_changed else "",
        f"p = {change.p_value:.2g}, separation {change.separation:.0%}",
    ]
    said = ", ".join(part for part in parts if part)
    return "; ".join([said, *_standing(change)])


def _size(series: SeriesTrend, change: Change) -> str:
    levels = f"{format_value(change.before, series.unit)} to {format_value(change.after, series.unit)}"
    if change.change_ratio is None:
        return levels
    interval = f" [{change.interval[0]:+.1%}, {change.interval[1]:+.1%}]" if change.interval else ""
    return f"{change.change_ratio:+.1%}{interval}, {levels},"


def _commits(change: Change) -> str:
    if not change.commits:
        return ""
    named = " ".join(commit[:_SHORT] for commit in change.commits[:_MOST_COMMITS])
    more = f" and {len(change.commits) - _MOST_COMMITS} more" if len(change.commits) > _MOST_COMMITS else ""
    after = f" after {change.commit_before[:_SHORT]}" if change.commit_before else ""
    return f"commits {named}{more}{after}"


def _standing(change: Change) -> list[str]:
    said = []
    if change.provisional:
        said.append("provisional: more runs will confirm or withdraw it")
    if change.recorded and change.moved_to_run_id is not None:
        way = "later" if change.moved_by > 0 else "earlier"
        number = abs(change.moved_by)
        runs = f"{number} run{'' if number == 1 else 's'} {way}"
        said.append(f"recorded here; today it would be placed {runs}, at {change.moved_to_run_id[:_SHORT]}")
    if change.recorded and not change.found:
        said.append("recorded here; the runs that are looked at today do not show it")
    return said


def _write_notes(report: TrendReport, out: TextIO) -> None:
    """Write why series were split, and what makes a class doubtful."""
    lines = [
        f"{_name(series)} ({series.machine_digest[:4]}-{series.config_digest[:4]}): {note}"
        for series in report.series
        for note in series.notes
    ]
    if lines:
        out.write("\nseries apart\n")
        out.writelines(printable(line, 500) + "\n" for line in lines)


def _write_recorded(report: TrendReport, out: TextIO) -> None:
    if report.recorded:
        out.write(f"\n{report.recorded} event{'' if report.recorded == 1 else 's'} recorded\n")
    elif report.unrecorded:
        changes = f"{report.unrecorded} change{'' if report.unrecorded == 1 else 's'}"
        out.write(f"\n{changes} not in the ledger as told here; keep them with `dagster-ledger trend --record`\n")
