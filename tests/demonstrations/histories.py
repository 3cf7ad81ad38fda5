"""``python -m tests.demonstrations.histories DIR``: change points of the ledger that ``regressions`` has filled.

The faults of that ledger were put there, so what is true is known: which asset and metric changed, with which run, and
with which run it changed back. Precision and recall are of confirmed points, to the run; the delay is the number of
changed runs after which the change is first told, provisionally or not. Runs beside busy processors are left out of
what takes time, since there the environment did change.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ledger.service.reading.replay import replay_samples
from ledger.stats import change_points
from ledger.store import open_store
from ledger.store.protocol import EventQuery
from tests.demonstrations.regressions import BASELINE_RUNS, RUNS

CHANGED: Final = BASELINE_RUNS + RUNS
RESTORED: Final = CHANGED + RUNS
TIMES: Final = ("duration_s", "cpu_s")
LOOKED_AT: Final = (*TIMES, "peak_increase_bytes", "match_rate", "recall")
FAULTY: Final = {
    ("award_terms", "duration_s"),
    ("award_terms", "cpu_s"),
    ("landed_details", "peak_increase_bytes"),
    ("landed_details", "duration_s"),
    ("landed_details", "cpu_s"),
    ("linked_awards", "match_rate"),
    ("linked_awards", "recall"),
}
"""Touching a third more memory takes time as well."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one history: true and confirmed changes, and the delay, ``None`` where never told."""

    asset: str
    metric: str
    true: tuple[int, ...]
    found: tuple[int, ...]
    delay: int | None

    @property
    def right(self) -> int:
        """How many confirmed changes are true ones, to the run."""
        return len({*self.true} & {*self.found})


def histories(place: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield asset, metric and values in run order of what the suite measured."""
    store = open_store(str(place / "ledger"))
    found = store.consult(lambda view: replay_samples(view, EventQuery(metrics=LOOKED_AT)))
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in found.select(["asset", "metric", "value"]).to_pylist():
        values[row["asset"], row["metric"]].append(row["value"])
    for (asset, metric), told in sorted(values.items()):
        yield asset, metric, np.array(told[:RESTORED] if metric in TIMES else told)


def look(asset: str, metric: str, values: np.ndarray) -> Told:
    """Return what is told of a history, whole and as it grew."""
    true: tuple[int, ...] = ()
    delay = None
    if (asset, metric) in FAULTY:
        true = tuple(at for at in (CHANGED, RESTORED) if at < values.size)
        seen = [
            count
            for count in range(1, RUNS + 1)
            if any(point.earliest <= CHANGED <= point.latest for point in change_points(values[: CHANGED + count]))
        ]
        delay = seen[0] if seen else None
    found = tuple(point.index for point in change_points(values) if not point.provisional)
    return Told(asset, metric, true, found, delay)


def main() -> None:
    """Print a line for each history with a change, true or told, and what all come to."""
    told = [look(*history) for history in histories(Path(sys.argv[1]))]
    out = sys.stdout
    out.write("| asset | metric | true | told | runs until told |\n|---|---|---|---|---|\n")
    for one in told:
        if one.true or one.found:
            shown = " | ".join(", ".join(map(str, places)) or "-" for places in (one.true, one.found))
            out.write(f"| {one.asset} | {one.metric} | {shown} | {one.delay or '-'} |\n")
    right, found = sum(one.right for one in told), sum(len(one.found) for one in told)
    true = sum(len(one.true) for one in told)
    quiet = [one for one in told if not one.true]
    flagged = sum(bool(one.found) for one in quiet)
    out.write(f"\n{len(told)} histories: {right} of {true} changes told, {right} of {found} told are true; ")
    out.write(f"{flagged} of {len(quiet)} quiet histories have one\n")


if __name__ == "__main__":
    main()
