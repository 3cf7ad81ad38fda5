"""How good the history part of ``ledger.stats`` is, next to what others do on the same data, as a Markdown table.

Run ``python -m tests.benchmarks.stats.history [--quick] [--labelled DIR]``. Figures are on seeds and kinds of noise
that no rule was tuned on (``simulated``), give or take one standard error; with ``--labelled`` on annotated real
histories too (``labelled``): the goals on F1, covering, precision and recall were set for those, and simulated ones
only stand in. A goal is passed where the figure reaches it; the exit code is 1 where one is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ledger.stats import change_points, trend
from tests.benchmarks.stats import labelled, nile, simulated
from tests.benchmarks.stats.history_peers import PEERS, Detector, divisive
from tests.benchmarks.stats.scores import counts, share, with_errors
from tests.benchmarks.stats.simulated import MARGIN, NOISES, REPORTING_SEED, Labelled, autoregressive

# Clean runs before the first look, or before the change.
CLEAN = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure with its standard error, and the goal it is held to, if any."""

    what: str
    measured: tuple[float, float]
    others: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def line(self) -> str:
        goal, verdict = "-", "-"
        if self.at_least is not None or self.at_most is not None:
            goal = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
            verdict = "pass" if self.passed else "MISS"
        value, error = self.measured
        return f"| {self.what} | {goal} | {value:.3f} ± {error:.3f} | {verdict} | {self.others} |"

    @property
    def passed(self) -> bool:
        value = self.measured[0]
        enough = self.at_least is None or value >= self.at_least
        return enough and (self.at_most is None or value <= self.at_most)


def ours(values: np.ndarray) -> list[int]:
    """Return confirmed change points."""
    return [point.index for point in change_points(values) if not point.provisional]


def any_warning(values: np.ndarray) -> list[int]:
    """Return all change points, provisional ones included."""
    return [point.index for point in change_points(values)]


def found_rows(
    name: str, data: Sequence[Labelled], peers: dict[str, Detector], goals: dict[str, float]
) -> Iterator[Row]:
    """Yield precision, recall, F1 and covering on annotated histories."""

    def measured(detector: Detector) -> dict[str, tuple[float, float]]:
        return with_errors([counts(each.annotations, detector(each.values), each.values.size, MARGIN) for each in data])

    others = {peer: measured(detector) for peer, detector in peers.items()}
    for figure, value in measured(ours).items():
        told = ", ".join(f"{peer} {figures[figure][0]:.3f}" for peer, figures in others.items())
        yield Row(f"{name}: {figure}", value, told, at_least=goals.get(figure))


def nile_rows(peers: dict[str, Detector]) -> Iterator[Row]:
    """Yield whether the one change of the Nile is told, and nothing else: as confirmed, and at last as a warning."""

    def told(detector: Detector) -> float:
        return float(detector(np.array(nile.VALUES, dtype=np.float64)) == [nile.CHANGE])

    others = ", ".join(f"{peer} {told(detector):g}" for peer, detector in peers.items())
    yield Row("the Nile, 1871 to 1970: its change told, and nothing else", (told(ours), 0.0), others)
    years = range(nile.CHANGE + 1, len(nile.VALUES) + 1)
    warned = [year for year in years if any_warning(np.array(nile.VALUES[:year], dtype=np.float64))]
    yield Row("the Nile: years until it is told at all", (float(warned[0] - nile.CHANGE) if warned else np.nan, 0.0))


def flagged_rows(series: int, peers: dict[str, Detector]) -> Iterator[Row]:
    """Yield how many quiet histories are flagged, over all kinds of noise and by memory alone."""
    rng = np.random.default_rng(REPORTING_SEED + 1)
    quiet = [simulated.quiet(rng, kind, 150) for kind in NOISES for _ in range(series)]
    yield _flagged("quiet series flagged, 150 runs, seven kinds of noise", 0.03, quiet, peers)
    for phi, goal in ((0.0, 0.005), (0.3, 0.02), (0.6, 0.045), (0.8, None)):
        noise = [np.exp(0.04 * autoregressive(rng, 150, phi)) for _ in range(4 * series)]
        yield _flagged(f"quiet series flagged, AR {phi:g}", goal, noise, peers)


def _flagged(what: str, goal: float | None, quiet: Sequence[np.ndarray], peers: dict[str, Detector]) -> Row:
    def flagged(detector: Detector) -> tuple[float, float]:
        return share([len(detector(values)) > 0 for values in quiet])

    told = ", ".join(f"{peer} {flagged(detector)[0]:.3f}" for peer, detector in peers.items())
    return Row(what, flagged(ours), told, at_most=goal)


def warning_rows(series: int, peers: dict[str, Detector]) -> Iterator[Row]:
    """Yield false alarms and delays where a history is looked at after every run, as it grows."""
    rng = np.random.default_rng(REPORTING_SEED + 2)
    quiet = [simulated.quiet(rng, kind, CLEAN + 30) for kind in NOISES for _ in range(series)]
    yield _watched("early warning: false alarm within 30 clean runs", 0.03, quiet, 30, peers, false=True)
    for size, within, goal in ((0.2, 3, 0.9), (0.2, 10, 0.96), (0.1, 10, 0.9)):
        steps = [simulated.stepped(rng, kind, CLEAN, 10, size) for kind in NOISES for _ in range(series)]
        yield _watched(f"early warning: +{size:.0%} found within {within} runs", goal, steps, within, peers)

    for size, within in ((0.2, 3), (0.1, 10)):
        for cv in (0.02, 0.04, 0.06):
            steps = [simulated.stepped(rng, kind, CLEAN, 10, size, cv) for kind in NOISES for _ in range(series // 2)]
            found = share([_alarms(any_warning, values, within, CLEAN - 3) for values in steps])
            yield Row(f"early warning: +{size:.0%} found within {within} runs, CV {cv:.0%}", found)


def _watched(
    what: str, goal: float, data: Sequence[np.ndarray], within: int, peers: dict[str, Detector], *, false: bool = False
) -> Row:
    def alarmed(detector: Detector) -> tuple[float, float]:
        return share([_alarms(detector, values, within, 0 if false else CLEAN - 3) for values in data])

    told = ", ".join(f"{peer} {alarmed(detector)[0]:.3f}" for peer, detector in peers.items())
    if false:
        return Row(what, alarmed(any_warning), told, at_most=goal)
    return Row(what, alarmed(any_warning), told, at_least=goal)


def _alarms(detector: Detector, values: np.ndarray, within: int, not_before: int) -> bool:
    """Return whether a look after any of the next runs finds a change that an earlier look did not know of."""
    known = set(detector(values[:CLEAN]))
    return any(
        any(at >= not_before and at not in known for at in detector(values[: CLEAN + more]))
        for more in range(1, within + 1)
    )


def power_rows(series: int, peers: dict[str, Detector]) -> Iterator[Row]:
    """Yield how often a step in the middle of a hundred runs is found where it is."""
    rng = np.random.default_rng(REPORTING_SEED + 3)
    for size in (0.1, 0.2, 0.3):
        steps = [simulated.stepped(rng, kind, 50, 50, size) for kind in NOISES for _ in range(series)]

        def found(detector: Detector, steps: Sequence[np.ndarray] = steps) -> tuple[float, float]:
            return share([any(abs(at - 50) <= MARGIN for at in detector(values)) for values in steps])

        told = ", ".join(f"{peer} {found(detector)[0]:.3f}" for peer, detector in peers.items())
        yield Row(f"+{size:.0%} step in 100 runs found", found(ours), told)


def trend_rows(series: int) -> Iterator[Row]:
    """Yield false trends of noise, next to those of the uncorrected Mann-Kendall test at 5 %."""
    rng = np.random.default_rng(REPORTING_SEED + 4)
    for phi, goal in ((0.0, 0.03), (0.3, 0.03), (0.6, None)):
        noise = [np.exp(0.05 * autoregressive(rng, n, phi)) for n in (12, 30, 60, 150) for _ in range(series)]
        kinds = [trend(values, 86_400.0 * np.arange(values.size)).kind for values in noise]
        naive = share([_naive_kendall(values) < 0.05 for values in noise])[0]
        told = f"uncorrected Mann-Kendall {naive:.3f}"
        false = share([kind in ("improving", "degrading") for kind in kinds])
        yield Row(f"trend: false alarms, AR {phi:g}", false, told, at_most=goal)
    rising = [
        np.exp(0.04 * autoregressive(rng, n, 0.3) + 0.25 * np.arange(n) / n)
        for n in (30, 60, 150)
        for _ in range(series)
    ]
    right = share([trend(values, 86_400.0 * np.arange(values.size)).kind == "degrading" for values in rising])
    yield Row("trend: +28 % over the window called degrading, AR 0.3", right)


def _naive_kendall(values: np.ndarray) -> float:
    from scipy.stats import kendalltau  # noqa: PLC0415  # slow to import, wanted here only

    return float(kendalltau(np.arange(values.size), values).pvalue)


def speed_rows(series: int) -> Iterator[Row]:
    """Yield the seconds of 1,000 series of 500 runs and the speed over Otava's algorithm on the same machine."""
    rng = np.random.default_rng(REPORTING_SEED + 5)
    data = [
        100 * np.exp(0.04 * rng.normal(size=500) + 0.2 * (np.arange(500) >= rng.integers(50, 450)) * (at % 2))
        for at in range(series)
    ]

    def seconds(detector: Callable[[np.ndarray], object]) -> float:
        began = time.process_time()
        for values in data:
            detector(values)
        return 1_000 * (time.process_time() - began) / series

    mine, theirs = seconds(change_points), seconds(divisive)
    yield Row("1,000 series of 500 runs, CPU s", (mine, 0.0), f"divisive {theirs:.1f}", at_most=5.0)
    yield Row("speed over divisive", (theirs / mine, 0.0))
    times = 86_400.0 * np.arange(500)
    yield Row("1,000 trends of 500 runs, CPU s", (seconds(lambda values: trend(values, times)), 0.0))


def rows(*, quick: bool, directory: Path | None) -> Iterator[Row]:
    """Yield the whole table."""
    size = 12 if quick else 50
    peers = dict(PEERS)
    goals = {"precision": 0.94, "recall": 0.90, "F1": 0.88, "covering": 0.83}
    if directory is not None:
        yield from found_rows("labelled", list(labelled.read(directory)), peers, goals)
    rng = np.random.default_rng(REPORTING_SEED)
    data = [simulated.changing(rng, kind) for kind in NOISES for _ in range(size)]
    yield from found_rows("simulated stand-in for labelled", data, peers, goals)
    yield from nile_rows(peers)
    yield from flagged_rows(2 * size, peers)
    yield from power_rows(size, peers)
    few = {name: each for name, each in peers.items() if name != "divisive"}
    yield from warning_rows(size, few)
    yield from trend_rows(2 * size)
    yield from speed_rows(40 if quick else 200)


def main() -> int:
    """Print the table and return 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the series")
    parser.add_argument("--labelled", type=Path, metavar="DIR", help="annotated histories, as labelled.py reads them")
    told = parser.parse_args()
    sys.stdout.write("| what | goal | measured ± error | | others on the same data |\n|---|---|---|---|---|\n")
    missed = 0
    for row in rows(quick=told.quick, directory=told.labelled):
        sys.stdout.write(row.line() + "\n")
        sys.stdout.flush()
        missed += not row.passed
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
