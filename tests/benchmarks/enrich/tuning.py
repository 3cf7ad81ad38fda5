"""``python -m tests.benchmarks.enrich.tuning``: what settings do to an enrichment, as the tables of docs/tuning.md.

Rules:
- A table varies one setting and leaves all others as shipped; every figure is a median of rounds taken in turns.
- The profiles that the guide advises are measured beside the defaults, in the same run.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from ledger.units import MIB
from tests.benchmarks.enrich import real
from tests.benchmarks.enrich.data import files
from tests.benchmarks.enrich.measuring import Taken, taking_turns
from tests.benchmarks.enrich.profiles import PROFILES
from tests.benchmarks.store import machine
from tests.benchmarks.store.report import amount, written

MARKS: Final = ("<!-- tuning: begin -->", "<!-- tuning: end -->")
_DOCUMENT: Final = Path("docs/tuning.md")
_ROUNDS: Final = 3
_CHUNK_SIZES: Final = (1_000, 5_000, 25_000, 100_000, 1_000_000)
_THRESHOLDS_MB: Final = (256, 384, 512, 1024, 2048)
_WORKER_ROWS: Final = (10_000, 100_000, 500_000)
_CONFIDENCES: Final = (0.5, 0.65, 0.75, 0.85, 0.95)


@click.command()
@click.option("--rows", default=200_000, help="Awards.  [200000]")
@click.option("--registry", default=200_000, help="Companies.  [200000]")
@click.option("--rounds", default=_ROUNDS, help=f"How often each is measured.  [{_ROUNDS}]")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Where files are kept for next time.")
@click.option("--write", is_flag=True, help="Write the tables into docs/tuning.md.")
def main(rows: int, registry: int, rounds: int, keep: Path | None, *, write: bool) -> None:
    """Measure what settings do."""
    with ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tuning-")))
        known = {**machine.machine(place), "load before": machine.load()}

        def taken(ways: Mapping[str, Mapping[str, int]], awards: int = rows) -> dict[str, Taken]:
            told = {name: json.dumps(dict(way)) for name, way in ways.items()}
            return taking_turns(told, files(place, awards, registry), place, rounds, _say)

        tables = [
            _table("chunk_size", taken({f"{size:,}": {"chunk_size": size} for size in _CHUNK_SIZES}), rows),
            _table(
                "memory_threshold_mb",
                taken({f"{size:,}": {"memory_threshold_mb": size} for size in _THRESHOLDS_MB}),
                rows,
            ),
            *(
                _table(f"chunk_workers, {awards:,} awards", taken({"1": {}, "2": {"workers": 2}}, awards), awards)
                for awards in _WORKER_ROWS
            ),
            _confidence(),
            _table("profile", taken(PROFILES), rows),
        ]
        known["load after"] = machine.load()
    facts = [f"- {name}: {value}" for name, value in known.items()]
    command = "make bench-tuning" if rounds == _ROUNDS else f'make bench-tuning ARGS="--rounds {rounds}"'
    head = [f"Made by `{command}`: {rows:,} awards, {registry:,} companies, on", "", *facts]
    text = "\n\n".join("\n".join(lines) for lines in (head, *tables)) + "\n"
    click.echo(text)
    if write:
        written(_DOCUMENT, text, MARKS)


def _table(setting: str, found: Mapping[str, Taken], rows: int) -> Sequence[str]:
    """Return speed, processor time, memory and chunks by value of a setting."""
    name, _, note = setting.partition(", ")
    told = f"`{name}`{', ' + note if note else ''}"
    lines = [f"| {told} | records/s | CPU, s | peak, MiB | chunks | shrunk |", "|---|---:|---:|---:|---:|---:|"]
    for value, one in found.items():
        cells = (
            amount(rows / one.median("wall_s")),
            f"{one.median('cpu_s'):.1f}",
            f"{one.peak_bytes / MIB:,.0f}",
            f"{one.median('chunks'):.0f}",
            f"{one.median('shrunk'):.0f}",
        )
        lines.append(f"| {value} | {' | '.join(cells)} |")
    return lines


def _confidence() -> Sequence[str]:
    """Return what the least confidence does to links of real companies by name alone."""
    lines = [
        "| `low_confidence_threshold`, real companies by name alone | match rate | precision | recall |",
        "|---|---:|---:|---:|",
    ]
    for value in _CONFIDENCES:
        one = real.by_name_alone(low_confidence_threshold=value)
        lines.append(f"| {value:.2f} | {one.match_rate:.4f} | {one.precision:.4f} | {one.recall:.4f} |")
    return lines


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
