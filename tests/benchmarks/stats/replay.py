"""How long trends, the gate and A/A replays take, as Markdown.

``python -m tests.benchmarks.stats.replay [--events 10000000] [--keep DIR] [--rounds 5] [--quick]``

Rules:
- What is imported on first use is imported before anything is timed, by asking the same of a small ledger.
- The large ledger is copied by hard links first, so that the one that is kept gets no snapshots of this release; its
  snapshot is made before anything is timed, and the time of that is told apart.
- Every round opens the ledger anew. What is told are the medians of the rounds with the smallest and the largest, in
  wall and in CPU seconds; on a busy machine look at the latter.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.schema import SCHEMA
from ledger.metrics import BUILT_IN, Metric
from ledger.projections.histories import Series
from ledger.service.gate.baseline_words import parse_baseline
from ledger.service.gate.calibrating import Plan, calibrate
from ledger.service.gate.regression import Question, ask
from ledger.service.reading.choosing import Choice
from ledger.service.reading.standing import standing
from ledger.service.trends.change_log import matched
from ledger.service.trends.history import Asked
from ledger.service.trends.series_trend import Look, told
from ledger.service.trends.trending import trends
from ledger.settings import RegressionSettings
from ledger.stats import assess, change_points_of_family
from ledger.store import open_store
from tests.benchmarks.store import machine
from tests.benchmarks.store.history import ASSETS, METRICS, history, made, runs_for
from tests.benchmarks.store.ledgers import build

TREND_GOAL_S, GATE_GOAL_S = 5.0, 2.0
SERIES, POINTS = 1_000, 500
COMPARISONS, BASELINE, CANDIDATES = 300, 20, 10
MORE_ASSETS = 7
EVERYTHING = {
    name: Metric(name, unit, "lower_is_better", "time", "For the benchmark.") for name, unit in METRICS.items()
}
SETTINGS = RegressionSettings(ignore_packages=True)
"""The packages of the made history change every twenty runs."""


@dataclass(frozen=True)
class Taken:
    """What some work took."""

    what: str
    goal_s: float | None
    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]
    note: str = ""

    def line(self) -> str:
        wall, cpu = (
            f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
            for values in (self.wall_s, self.cpu_s)
        )
        goal, fine = "-", ""
        if self.goal_s is not None:
            goal = f"≤ {self.goal_s:g} s"
            fine = "met" if statistics.median(self.wall_s) <= self.goal_s else "missed"
        return f"| {self.what} | {goal} | {wall} | {cpu} | {fine} | {self.note} |"


def timed(what: str, goal_s: float | None, rounds: int, work: Callable[[], object]) -> Taken:
    """Return what some work took in each round."""
    wall_s, cpu_s, note = [], [], ""
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        note = str(work() or "")
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    return Taken(what, goal_s, tuple(wall_s), tuple(cpu_s), note)


def made_series(count: int, points: int) -> list[Series]:
    """Return series, one in four with a step and one in four with a drift."""
    rng = np.random.default_rng(20_261_125)
    found = []
    for number in range(count):
        levels = rng.normal(0.0, rng.uniform(0.01, 0.12), points)
        if number % 4 == 1:
            levels[points * 2 // 3 :] += 0.2
        elif number % 4 == 2:
            levels += np.linspace(0.0, 0.3, points)
        found.append(
            Series(
                asset=f"asset_{number // 20:03}",
                partition=None,
                metric=f"metric_{number % 20}",
                unit="s",
                machine="m",
                config_digest="c",
                values=np.exp(levels),
                times_s=np.arange(points) * 3_600.0,
                run_ids=tuple(f"run-{run}" for run in range(points)),
                commits=tuple(f"{run // 5:040x}" for run in range(points)),
                packages=("p",) * points,
            )
        )
    return found


def all_trends(series: list[Series]) -> str:
    """Tell the trend and the changes of every series, as the report does."""
    family = change_points_of_family({one.key: one.values for one in series})
    window = np.ones(len(series[0].run_ids), np.bool_)
    looks = [
        Look(
            series=one,
            in_window=window,
            changes=tuple(matched(one, family[one.key].points, {})),
            direction="lower_is_better",
            machine="m",
            notes=(),
        )
        for one in series
    ]
    return f"{sum(len(told(look).changes) for look in looks):,} changes"


def wide_history(events: int) -> Iterator[pa.Table]:
    """Yield a history whose newest runs, those that are gated, have assets enough for ``COMPARISONS`` comparisons."""
    yield from history(events)
    newest = made(runs_for(events), BASELINE + CANDIDATES)
    yield newest
    asset = newest.column("asset")
    more = newest.filter(pc.fill_null(pc.is_in(asset, pa.array(ASSETS[:MORE_ASSETS])), fill_value=False))
    for name, renamed in (
        ("asset", pc.binary_join_element_wise("more", more.column("asset"), "_")),
        ("stream", pc.replace_substring(more.column("stream"), "asset/", "asset/more_", max_replacements=1)),
    ):
        place = more.column_names.index(name)
        more = more.set_column(place, SCHEMA.field(name), renamed.cast(SCHEMA.field(name).type))
    yield more


def ledger_of(directory: Path, events: int) -> Path:
    """Return a ledger of a wide history, made where it was not made before."""
    place = directory / f"wide-{events}"
    if not place.exists():
        sys.stderr.write(f"making a compacted ledger of {events:,} events ...\n")
        build(unfinished := directory / f"unfinished-{events}", wide_history(events))
        unfinished.rename(place)
    return place


def gate(place: Path) -> str:
    """Gate the newest runs against those before them."""
    question = Question(
        candidate=Choice(last=CANDIDATES), baseline=parse_baseline(f"last:{BASELINE}"), earlier_than=None
    )
    answer = open_store(str(place)).consult(
        lambda view: ask(view, question, SETTINGS, {**BUILT_IN, **EVERYTHING}, place)
    )
    return f"{len(answer.comparisons)} comparisons: {answer.verdict.outcome}"


def judging(place: Path) -> Callable[[], str]:
    """Return what judges 300 comparisons of the ledger's own runs."""
    question = Question(candidate=Choice(last=CANDIDATES), baseline=parse_baseline(f"last:{BASELINE}"))
    answer = open_store(str(place)).consult(
        lambda view: ask(view, question, SETTINGS, {**BUILT_IN, **EVERYTHING}, place)
    )
    repeated = [
        replace(one, asset=f"{one.asset}_{turn}")
        for turn in range(COMPARISONS // len(answer.comparisons) + 1)
        for one in answer.comparisons
    ][:COMPARISONS]

    def judge() -> str:
        return f"{len(assess(repeated).findings)} findings"

    return judge


def replayed(place: Path, splits: int) -> str:
    """Replay gates at random."""
    plan = Plan(baseline=10, candidate=5, splits=splits, ignore_packages=True)
    found = open_store(str(place)).consult(lambda view: calibrate(view, plan))
    return f"{found.comparable_runs} runs, {sum(one.gates for one in found.replays)} gates"


def measured(place: Path, small: Path, rounds: int, *, quick: bool) -> list[Taken]:
    """Return what everything took."""
    series = made_series(20 if quick else SERIES, 50 if quick else POINTS)
    splits = 3 if quick else 50
    work: list[tuple[str, float | None, int, Callable[[Path], object]]] = [
        (
            f"trend, {len(series):,} series of {len(series[0].run_ids)} runs",
            TREND_GOAL_S,
            rounds,
            lambda _: all_trends(series),
        ),
        (f"gate, {BASELINE}x{CANDIDATES} runs, events to verdict", GATE_GOAL_S, rounds, gate),
        (
            "trend, all metrics, last 100 runs",
            None,
            rounds,
            lambda at: f"{len(trends(open_store(str(at)), Asked()).series)} series",
        ),
        (
            "trend, one history",
            None,
            rounds,
            lambda at: trends(open_store(str(at)), Asked(assets=("a_raw",), metrics=("cpu_s",))) and None,
        ),
        (f"calibrate, {splits} splits", None, 1, lambda at: replayed(at, splits)),
    ]
    found = []
    for what, goal_s, times, do in work:
        do(small)
        found.append(timed(what, goal_s, times, lambda do=do: do(place)))
        sys.stderr.write(f"{found[-1].line()}\n")
    judge = judging(place)
    judge()
    found.append(timed(f"judging, {COMPARISONS} metrics of {BASELINE + CANDIDATES} runs", None, rounds, judge))
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="directory in which ledgers are kept for next time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only show that everything works")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-replay-", dir=chosen.keep) as directory:
        events = 20_000 if chosen.quick else chosen.events
        places = {}
        for size in (10_000, events):
            kept = ledger_of(chosen.keep or Path(directory), size)
            places[size] = Path(directory) / f"ledger-{size}"
            shutil.copytree(kept, places[size], copy_function=os.link)
        warming = timed(
            "snapshot, made once", None, 1, lambda: open_store(str(places[events])).consult(standing) and None
        )
        before = machine.load()
        found = measured(places[events], places[10_000], 1 if chosen.quick else chosen.rounds, quick=chosen.quick)
        sys.stdout.write(f"{events:,} events; load {before} before, {machine.load()} after\n\n")
    sys.stdout.write("| what | goal | wall s | CPU s | | |\n|---|---|---|---|---|---|\n")
    sys.stdout.writelines(f"{taken.line()}\n" for taken in (*found, warming))


if __name__ == "__main__":
    main()
