"""``python -m tests.benchmarks.eta``: how wrong the time left is, and the tables of docs/progress.md.

Rules:
- Simulated runs are seeded; real ones run on this machine, one after the other, which should have nothing else to do.
- A goal that is missed is told in the table, and is no failure of the command.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import click
import numpy as np

from tests.benchmarks.eta import real, simulated

DOCUMENT: Final = Path("docs/progress.md")
BEGIN: Final = "<!-- eta: begin -->"
END: Final = "<!-- eta: end -->"
_SEEDS: Final = 200


@click.command()
@click.option("--quick", is_flag=True, help="Only show that everything works; the figures mean nothing.")
@click.option("--run", "runs", multiple=True, type=click.Choice(list(real.RUNS)), help="Only these real runs.")
@click.option("--write", is_flag=True, help="Write docs/progress.md.")
def main(*, quick: bool, runs: tuple[str, ...], write: bool) -> None:
    """Measure the error of the time left, on simulated and on real runs."""
    chosen = runs or tuple(real.RUNS)
    text = f"{simulated_table(20 if quick else _SEEDS)}\n\n{real_table(chosen, quick=quick)}"
    click.echo(text)
    if write and not quick:
        page = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def simulated_table(seeds: int) -> str:
    """Return the errors on simulated runs, as Markdown."""
    rows = [
        f"| {seeds} runs each, median error | {' | '.join(simulated.ESTIMATORS)} | goal |",
        "|---|" + "---|" * (len(simulated.ESTIMATORS) + 1),
    ]
    for scenario in simulated.SCENARIOS:
        found = [simulated.medians(scenario, name, range(seeds)) for name in simulated.ESTIMATORS]
        cells = [f"{np.median(one):.1%} ({np.quantile(one, 0.9):.1%})" for one in found]
        rows.append(
            f"| {scenario} | {' | '.join(cells)} | {_goal(np.median(found[0]), simulated.GOALS.get(scenario))} |"
        )
    return "\n".join([*rows, "", "In brackets: what nine of ten runs stay below."])


def real_table(chosen: tuple[str, ...], *, quick: bool) -> str:
    """Return the errors on some real runs, as Markdown."""
    size = real.QUICK if quick else real.FULL
    rows = ["| real run | estimates | median error | nine of ten below | goal |", "|---|---|---|---|---|"]
    for name in chosen:
        click.echo(f"real run: {name}", err=True)
        run = real.RUNS[name]
        with tempfile.TemporaryDirectory(prefix="bench-eta-") as place:
            errors = run(Path(place), size)
        figures = f"{len(errors)} | {np.median(errors):.1%} | {np.quantile(errors, 0.9):.1%}"
        rows.append(f"| {name} | {figures} | {_goal(np.median(errors), real.GOALS.get(name))} |")
    said = f"{size.awards:,} awards, a registry of {size.registry:,} companies, chunks of at most {size.chunk:,} rows."
    return "\n".join([*rows, "", said])


def _goal(found: float, goal: float | None) -> str:
    """Return a goal and whether it is met."""
    return "" if goal is None else f"≤ {goal:.0%}: {'met' if found <= goal else 'missed'}"


if __name__ == "__main__":
    sys.exit(main())
