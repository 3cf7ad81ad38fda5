"""What was measured, as the tables and the chart of docs/performance.md."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.store.goals import Judged
from tests.benchmarks.store.measure import Figure, Results

BEGIN: Final = "<!-- store: begin -->"
END: Final = "<!-- store: end -->"
_DIGITS: Final = 3
_GOAL_HEAD: Final = (
    "| goal | bound | measured | smallest … largest | |",
    "|---|---:|---:|---:|---|",
)


def page(results: Results, machine: Mapping[str, str], command: str) -> str:
    """Return everything as Markdown.

    Args:
        results: What was measured.
        machine: What it was measured on.
        command: What makes the page again.
    """
    told = [f"Made by `{command}` on", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    return "\n".join([*told, "### Goals", "", *goals(results.goals), "", *figures(results.figures)]).rstrip() + "\n"


def goals(judged: Iterable[Judged]) -> list[str]:
    """Return the goals as a table."""
    lines = list(_GOAL_HEAD)
    for one in judged:
        sign = "≤" if one.goal.side == "most" else "≥"
        bound = f"{sign} {amount(one.goal.bound)} {_unit(one.goal.unit)}".rstrip()
        value = f"{amount(one.value)} {_unit(one.goal.unit)}".rstrip() if one.value is not None else "-"
        spread = f"{amount(min(one.values))} … {amount(max(one.values))}" if len(one.values) > 1 else "-"
        text = f"{one.goal.text} ({one.note})" if one.note else one.goal.text
        lines.append(f"| {text} | {bound} | {value} | {spread} | {_VERDICTS[one.verdict]} |")
    return lines


_VERDICTS: Final = {"pass": "pass", "miss": "**miss**", "not measured": "not measured"}


def figures(found: Sequence[Figure]) -> list[str]:
    """Return the figures, a table a case; beside each contender, how many times the ledger's figure it took."""
    lines: list[str] = []
    for case in dict.fromkeys((figure.section, figure.case, figure.unit) for figure in found):
        rows = [figure for figure in found if (figure.section, figure.case, figure.unit) == case]
        lines += [f"### {case[0].capitalize()}: {case[1]}", ""]
        noted = any(row.note for row in rows)
        lines.append(f"| | {case[2]} | smallest … largest | times the first |{' note |' if noted else ''}")
        lines.append(f"|---|---:|---:|---:|{'---|' if noted else ''}")
        for row in rows:
            spread = f"{amount(min(row.values))} … {amount(max(row.values))}" if len(row.values) > 1 else "-"
            ratio = amount(row.median / rows[0].median) if rows[0].median else "-"
            note = f" {row.note} |" if noted else ""
            lines.append(f"| {row.contender} | {amount(row.median)} | {spread} | {ratio} |{note}")
        lines.append("")
    return lines


def amount(value: float) -> str:
    """Return a number with three digits that count."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{digits}f}"


def _unit(unit: str) -> str:
    return {"x": "times"}.get(unit, unit)


def chart(results: Results, path: Path) -> None:
    """Draw what each way to replay a history takes over its size, as SVG; the same figures give the same bytes.

    Args:
        results: What was measured.
        path: The file to write.
    """
    import matplotlib as mpl  # noqa: PLC0415 - only this needs it, and it takes half a second

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "dagster-ledger", "svg.fonttype": "none", "font.family": "sans-serif"})
    chosen = [figure for figure in results.figures if figure.section == "replay" and figure.unit == "s CPU"]
    drawing, axes = plt.subplots(figsize=(8.5, 5.0))
    for name in dict.fromkeys(figure.contender for figure in chosen):
        points = sorted(
            (_events(figure.case), figure.median, bool(figure.note)) for figure in chosen if figure.contender == name
        )
        ours = name.startswith("dagster-ledger")
        (line,) = axes.plot(
            [x for x, _, _ in points], [y for _, y, _ in points], linewidth=2.5 if ours else 1.2, label=name
        )
        for x, y, taken_as_linear in points:
            axes.plot(x, y, "o", color=line.get_color(), fillstyle="none" if taken_as_linear else "full", markersize=5)
    axes.set(xscale="log", yscale="log", xlabel="events in the history", ylabel="CPU seconds (hollow: taken as linear)")
    axes.set_title("Median and last 30 values of every series, from files to answer", fontsize=11)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    drawing.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(drawing)


def _events(case: str) -> int:
    return int(case.partition(" ")[0].replace(",", ""))


def written(page_path: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put the text where the page has its marks."""
    there = page_path.read_text(encoding="utf-8")
    before, after = there.split(marks[0])[0], there.split(marks[1])[1]
    page_path.write_text(f"{before}{marks[0]}\n{text}{marks[1]}{after}", encoding="utf-8")
