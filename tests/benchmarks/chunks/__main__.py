"""``python -m tests.benchmarks.chunks``: the matcher in every executor, in turn, on the same plan.

Rules:
- All ways are measured in one run, in turn, and the bytes they make are compared; what is told are rates and ratios.
- A worker has one thread, so that two workers are compared with one. ``in process, all cores`` is what the asset does
  where nothing is set.
- *Start* is the time until the first chunk is begun: starting processes, importing, attaching the prepared registry.
  Efficiency is the rate of two workers over twice that of one, both after their start.
- The CPU time of all processes, starts included, says what a way costs on a machine that is not quiet, too.
"""

import hashlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import click
import pyarrow.parquet as pq

from assets.generate import generate
from assets.matcher import Matcher
from assets.matching.spec import Identifier, MatchSpec
from ledger.chunks import ChunkOptions, Plan, Resources, WorkedChunk, run
from ledger.measure import environment
from ledger.projections.circumstances import Machine
from tests.benchmarks.chunks.one_thread import OneThread

_DOCUMENT: Final = Path("docs/chunks.md")
_BEGIN, _END = "<!-- executors: begin -->", "<!-- executors: end -->"
_SPEC: Final = MatchSpec(tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage")))


@dataclass
class Clock:
    """Notes when the first chunk was begun."""

    began_s: float = field(default_factory=time.monotonic)
    first_s: float | None = None

    def resumed(self, *_: object) -> None:
        """Nothing is resumed."""

    def failed(self, *told: object, is_final: bool) -> None:
        raise AssertionError(told, is_final)

    def adapted(self, *_: object) -> None:
        """There is no limit of memory."""

    def completed(self, chunk: WorkedChunk, *_: object) -> None:
        if self.first_s is None:
            self.first_s = time.monotonic() - chunk.wall_s - self.began_s


@click.command()
@click.option("--awards", default=200_000, show_default=True, help="Rows that are matched.")
@click.option("--registry", default=100_000, show_default=True, help="Companies that they are matched to.")
@click.option("--chunk-size", default=10_000, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="How often each way is measured.")
@click.option("--without-dask", is_flag=True, help="Only this process and pools.")
@click.option("--write", is_flag=True, help="Write the table into docs/chunks.md.")
def main(awards: int, registry: int, chunk_size: int, rounds: int, *, without_dask: bool, write: bool) -> None:
    """Measure the executors."""
    with tempfile.TemporaryDirectory(prefix="bench-chunks-") as named:
        place = Path(named)
        made = generate(awards, registry, 1)
        pq.write_table(made.awards, place / "awards.parquet")
        pq.write_table(made.registry, place / "registry.parquet")
        matcher = Matcher(str(place / "awards.parquet"), str(place / "registry.parquet"), _SPEC)
        matcher = matcher.kept_in(place / "registries", Resources())
        usual = ChunkOptions(chunk_size=chunk_size, timeout_s=3600.0)
        ways = {
            "in process, all cores": (usual, matcher, None),
            "in process, 1 thread": (usual, OneThread(matcher), None),
            "pool, 1 process": (replace(usual, executor="processes"), OneThread(matcher), None),
            "pool, 2 processes": (replace(usual, executor="processes", workers=2), OneThread(matcher), None),
        }
        if not without_dask:
            ways |= {f"Dask, {n} worker{'s' * (n > 1)}": (usual, OneThread(matcher), n) for n in (1, 2)}
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        digests = set()
        for number in range(rounds):
            for name, (options, make, workers) in ways.items():
                work = place / f"work-{number}-{name}"
                before_s = cpu_s()
                with cluster(options, workers) as there:
                    start_s, whole_s, digest = measured(awards, work, make, there)
                took_s = cpu_s() - before_s
                found[name].append((start_s, whole_s, took_s))
                digests.add(digest)
                click.echo(f"{name}: start {start_s:.2f} s, whole {whole_s:.2f} s, CPU {took_s:.2f} s", err=True)
        assert len(digests) == 1, "the ways do not make the same bytes"
        text = table(found, awards, registry, chunk_size)
        click.echo(text)
        if write:
            before, _, rest = _DOCUMENT.read_text().partition(_BEGIN)
            _DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.partition(_END)[2]}")
    sys.exit(0)


@contextmanager
def cluster(options: ChunkOptions, workers: int | None) -> Iterator[ChunkOptions]:
    """Give the options of a way, with a cluster of processes that is up where it needs one."""
    if workers is None:
        yield options
        return
    from distributed import LocalCluster  # noqa: PLC0415 - an extra

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=None) as found:
        yield replace(options, executor="dask", dask_scheduler=found.scheduler_address)


def measured(rows: int, work: Path, make: object, options: ChunkOptions) -> tuple[float, float, str]:
    """Return seconds until the first chunk, seconds in all, and a digest of what was made."""
    clock = Clock()
    finished = run(Plan(name="bench", rows=rows, inputs={}, parameters={}), work, make, options, clock)
    whole_s = time.monotonic() - clock.began_s
    digest = hashlib.sha256()
    for name in finished.chain:
        digest.update(name.file_name.encode())
    finished.parts.remove()
    return clock.first_s or 0.0, whole_s, digest.hexdigest()


def cpu_s() -> float:
    """Return the CPU time of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def table(found: dict[str, list[tuple[float, float, float]]], awards: int, registry: int, chunk_size: int) -> str:
    """Return the table of all ways, medians over the rounds."""
    machine = Machine("", environment().machine_class).name
    about = (
        f"{awards:,} awards, {registry:,} companies, chunks of {chunk_size:,} rows; {machine};"
        f" medians of {len(next(iter(found.values())))} rounds, each way in turn."
    )
    lines = [
        about,
        "",
        "| | start s | whole s | CPU s | rows/s after the start | efficiency of 2 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    rates = {}
    for name, times in found.items():
        start_s, whole_s, took_s = (statistics.median(column) for column in zip(*times, strict=True))
        rates[name] = statistics.median(awards / (whole - start) for start, whole, _ in times)
        one = rates.get(name.replace("2 processes", "1 process").replace("2 workers", "1 worker"))
        efficiency = f"{rates[name] / (2 * one):.0%}" if one and one is not rates[name] else ""
        lines.append(f"| {name} | {start_s:.2f} | {whole_s:.2f} | {took_s:.2f} | {rates[name]:,.0f} | {efficiency} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
