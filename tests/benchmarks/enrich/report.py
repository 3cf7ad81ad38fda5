"""What was measured, as the tables of docs/performance.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ledger.units import MIB
from tests.benchmarks.store.goals import Judged
from tests.benchmarks.store.report import amount
from tests.benchmarks.store.report import goals as goal_lines

if TYPE_CHECKING:
    from tests.benchmarks.enrich.__main__ import Taken

MARKS: Final = ("<!-- enrich: begin -->", "<!-- enrich: end -->")


def page(command: str, machine: Mapping[str, str], judged: Iterable[Judged], *tables: Sequence[str]) -> str:
    """Return everything as Markdown."""
    lines = [f"Made by `{command}` on", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    lines += ["### Goals", "", *goal_lines(judged), ""]
    for table in tables:
        lines += [*table, ""]
    return "\n".join(lines).rstrip() + "\n"


def ways(found: Mapping[str, "Taken"], rows: int, registry: int) -> list[str]:
    """Return the ways side by side."""
    lines = [
        f"### {rows:,} awards, {registry:,} companies",
        "",
        "| | records/s | smallest … largest | prepared, s | peak, MiB | precision | recall |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, taken in found.items():
        rates = [rows / one["wall_s"] for one in taken.rounds]
        spread = f"{amount(min(rates))} … {amount(max(rates))}"
        prepared = f"{taken.median('prepared_s'):.1f}" if "prepared_s" in taken.rounds[0] else "-"
        quality = " | ".join("-" if one is None else f"{one:.4f}" for one in (taken.precision, taken.recall))
        speed, peak = amount(rows / taken.median("wall_s")), f"{taken.peak_bytes / MIB:,.0f}"
        lines.append(f"| {name} | {speed} | {spread} | {prepared} | {peak} | {quality} |")
    return lines


def growth(found: Mapping[int, "Taken"], registry: int) -> list[str]:
    """Return what this pipeline takes at several sizes."""
    lines = [
        f"### Growth, {registry:,} companies",
        "",
        "| awards | seconds | of them before the first row | records/s after it | chunks | peak, MiB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for size, taken in found.items():
        (one,) = taken.rounds
        rate = amount(size / (one["wall_s"] - one["prepared_s"]))
        cells = (f"{size:,}", f"{one['wall_s']:.1f}", f"{one['prepared_s']:.1f}", rate, f"{one['chunks']:.0f}")
        lines.append(f"| {' | '.join(cells)} | {taken.peak_bytes / MIB:,.0f} |")
    return lines
