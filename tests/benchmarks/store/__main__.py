"""``python -m tests.benchmarks.store``: measures the store beside its peers and limits, and writes docs/performance.md.

Rules:
- Everything is measured in one run on one machine; what is told are ratios, and each goal with pass or miss.
- Histories are made once and kept in the directory that is given, since ten million events take minutes.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tests.benchmarks.store import append, commands, keeping, machine, replay, report, scraping
from tests.benchmarks.store.ledgers import Shelf
from tests.benchmarks.store.measure import FULL, QUICK, Effort, Results, told

if TYPE_CHECKING:
    from collections.abc import Callable

SECTIONS: Final = ("append", "replay", "keeping", "commands", "scraping")
_SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
_DOCUMENT: Final = Path("docs/performance.md")
_CHART: Final = Path("docs/images/replay.svg")


@click.command()
@click.option("--section", "chosen", multiple=True, type=click.Choice(SECTIONS), help="Only these.")
@click.option("--events", "sizes", multiple=True, type=int, help="Sizes of the histories.  [10000 … 10000000]")
@click.option("--huge", is_flag=True, help="Replay a hundred million events too: 2 GB and a quarter of an hour.")
@click.option("--quick", is_flag=True, help="Only show that everything works; the figures mean nothing.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Where histories are kept for next time."
)
@click.option("--write", is_flag=True, help="Write docs/performance.md and its chart.")
def main(
    chosen: tuple[str, ...], sizes: tuple[int, ...], keep: Path | None, *, huge: bool, quick: bool, write: bool
) -> None:
    """Measure the store."""
    with ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-store-")))
        place.mkdir(parents=True, exist_ok=True)
        shelf = Shelf(place, _say)
        effort = QUICK if quick else FULL
        known = {**machine.machine(place), "load before": machine.load()}
        wanted = sizes or ((1_000, 10_000) if quick else _SIZES)
        results = _measured(shelf, effort, chosen or SECTIONS, wanted, huge=huge)
        words = [f"--events {size}" for size in sizes] + ["--huge"] * huge + ["--quick"] * quick
        command = " ".join(["make bench-store", *([f'ARGS="{" ".join(words)}"'] if words else [])])
        text = report.page(results, known | {"load after": machine.load()}, command)
        click.echo(text)
        if write and not quick:
            report.written(_DOCUMENT, text)
            report.chart(results, _CHART)
    # Only a full run judges; a miss is told, and is no failure of the command.
    sys.exit(0)


def _measured(shelf: Shelf, effort: Effort, chosen: tuple[str, ...], sizes: tuple[int, ...], *, huge: bool) -> Results:
    """Return what the chosen sections measured."""
    results = Results(judges=effort == FULL)
    steps: dict[str, list[tuple[str, Callable[[], None]]]] = {
        "append": [
            ("append, over the floor", lambda: append.over_the_floor(shelf, results, effort)),
            ("append, one writer", lambda: append.one_writer(shelf, results, effort)),
            ("append, many writers", lambda: append.many_writers(shelf, results, effort)),
            ("append, crowded", lambda: append.crowded(shelf, results, effort)),
        ],
        "replay": [
            (f"replay of {size:,} events", lambda size=size: replay.replay(shelf, results, effort, (size,)))
            for size in sizes
        ],
        "keeping": [
            *((f"size of {size:,} events", lambda size=size: keeping.size(shelf, results, size)) for size in sizes),
            ("tail", lambda: keeping.tail(shelf, results, effort)),
            ("verification", lambda: keeping.verification(shelf, results, effort)),
        ],
        "commands": [("commands", lambda: commands.commands(shelf, results, effort, max(sizes)))],
        "scraping": [
            ("scraping", lambda: scraping.scraping(shelf, results, effort, min(max(sizes), scraping.JUDGED_AT)))
        ],
    }
    if huge:
        steps["replay"].append(("replay of a hundred million events", lambda: replay.huge(shelf, results, effort)))
    for section in SECTIONS:
        for what, work in steps[section] if section in chosen else ():
            with told(what, _say):
                work()
    return results


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
