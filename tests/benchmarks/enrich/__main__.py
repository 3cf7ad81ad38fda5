"""``python -m tests.benchmarks.enrich``: links awards to a registry in several ways side by side; docs/performance.md.

Rules:
- Every way runs in a process of its own, in turns, over the same files; what is told are medians of rounds and ratios.
- Precision and recall are against what was generated; real companies are matched by name alone.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from ledger.units import MIB
from tests.benchmarks.enrich import goals, real, report
from tests.benchmarks.enrich.data import files
from tests.benchmarks.enrich.designs import ADVISED, DESIGNS, IDENTIFIERS, LIMIT, PIPELINE, PROCESSES, SAME_BYTES
from tests.benchmarks.enrich.measuring import Taken, measure, taking_turns
from tests.benchmarks.enrich.pipeline import DEFAULTS
from tests.benchmarks.store import machine
from tests.benchmarks.store.goals import Goal, Judged
from tests.benchmarks.store.measure import told
from tests.benchmarks.store.report import written

_ROUNDS: Final = 3
_GROWTH: Final = (10_000, 100_000, 1_000_000, 2_000_000)
_DOCUMENT: Final = Path("docs/performance.md")
_QUICK_ROWS: Final = 2_000


@click.command()
@click.option("--rows", default=goals.ROWS, help=f"Awards.  [{goals.ROWS}]")
@click.option("--registry", default=goals.REGISTRY, help=f"Companies.  [{goals.REGISTRY}]")
@click.option("--rounds", default=_ROUNDS, help=f"How often every way is measured.  [{_ROUNDS}]")
@click.option("--growth", "sizes", multiple=True, type=int, help="Awards to grow over.  [10000 … 2000000]")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Where files are kept for next time.")
@click.option("--quick", is_flag=True, help="Only show that everything works; the figures mean nothing.")
@click.option("--write", is_flag=True, help="Write the tables into docs/performance.md.")
def main(
    rows: int, registry: int, rounds: int, sizes: tuple[int, ...], keep: Path | None, *, quick: bool, write: bool
) -> None:
    """Measure enrichment."""
    if quick:
        rows, registry, rounds, sizes = _QUICK_ROWS, 2 * _QUICK_ROWS, 1, (1_000, 2_000)
    with ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-enrich-")))
        known = {**machine.machine(place), "load before": machine.load()}
        ways = taking_turns({name: name for name in DESIGNS}, files(place, rows, registry), place, rounds, _say)
        growth = _growth(place, sizes or _GROWTH, registry)
        companies = real.by_name_alone()
        known["load after"] = machine.load()
    is_full = (rows, registry) == (goals.ROWS, goals.REGISTRY) and not sizes
    judged = (
        _judged(ways, growth, companies, rows)
        if is_full
        else [Judged(goal, (), "a smaller run") for goal in goals.GOALS]
    )
    command = "make bench-enrich" if rounds == _ROUNDS else f'make bench-enrich ARGS="--rounds {rounds}"'
    text = report.page(command, known, judged, report.ways(ways, rows, registry), report.growth(growth, registry))
    click.echo(text)
    if write and is_full:
        written(_DOCUMENT, text, report.MARKS)


def _growth(place: Path, sizes: Sequence[int], registry: int) -> dict[int, Taken]:
    """Return what this pipeline takes at several sizes."""
    found = {size: Taken() for size in sizes}
    for size, taken in found.items():
        with told(f"{size:,} awards", _say):
            measure(taken, PIPELINE, files(place, size, registry), place / "links.parquet")
    return found


def _judged(ways: Mapping[str, Taken], growth: Mapping[int, Taken], companies: real.Quality, rows: int) -> list[Judged]:
    """Hold what was measured against the goals."""
    limit = [one["wall_s"] for one in ways[LIMIT].rounds]
    identifiers = [one["wall_s"] for one in ways[IDENTIFIERS].rounds]
    best = min((PIPELINE, ADVISED, PROCESSES), key=lambda name: ways[name].median("wall_s"))
    peaks = [taken.peak_bytes for taken in growth.values()]
    threshold = DEFAULTS.memory_threshold_mb * MIB
    values: dict[Goal, tuple[tuple[float, ...], str]] = {
        goals.SPEED: (tuple(rows / one["wall_s"] for one in ways[best].rounds), best),
        goals.IDENTIFIERS: (tuple(a / b for a, b in zip(limit, identifiers, strict=True)), ""),
        goals.SAME: ((float(len({ways[name].digest for name in SAME_BYTES})),), ""),
        goals.MEMORY: ((max(ways[PIPELINE].peak_bytes, *peaks) / threshold,), ""),
        goals.PRECISION: ((companies.precision,), f"{companies.labelled:,} companies with an answer"),
        goals.RECALL: ((companies.recall,), ""),
        goals.GROWTH: ((peaks[-1] / peaks[0],), ""),
    }
    return [Judged(goal, *values[goal]) for goal in goals.GOALS]


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
