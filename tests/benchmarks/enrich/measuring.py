"""How one way is measured: a process of its own, rounds in turns, its links scored once."""

import hashlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.enrich.data import Files, scored
from tests.benchmarks.enrich.designs import NAMELESS
from tests.benchmarks.store.measure import told


@dataclass(slots=True)
class Taken:
    """What rounds of one way took, and what its links are worth."""

    rounds: list[Mapping[str, float]] = field(default_factory=list)
    digest: str = ""
    precision: float | None = None
    recall: float | None = None

    def median(self, name: str) -> float:
        """Return the median of the rounds."""
        return statistics.median(one[name] for one in self.rounds)

    @property
    def peak_bytes(self) -> float:
        """The highest anonymous memory of one process, in any round."""
        return max(max(one["anonymous_bytes"], one.get("worker_bytes", 0.0)) for one in self.rounds)


def taking_turns(
    ways: Mapping[str, str], made: Files, place: Path, rounds: int, say: Callable[[str], None]
) -> dict[str, Taken]:
    """Return what each way took; the order turns by one each round.

    Args:
        ways: Name to way, as ``child`` takes it.
        made: What is linked.
        place: Where links are written.
        rounds: How often each is measured.
        say: Told what is being done.
    """
    found = {name: Taken() for name in ways}
    names = list(ways)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            with told(f"round {number + 1}: {name}", say):
                measure(found[name], ways[name], made, place / "links.parquet")
    return found


def measure(taken: Taken, way: str, made: Files, out: Path) -> None:
    """Measure a way once; the first time, score its links."""
    words = [sys.executable, "-m", "tests.benchmarks.enrich.child", way, *map(str, (made.awards, made.registry, out))]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    taken.rounds.append(json.loads(done.stdout))
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    if taken.digest not in ("", digest):
        sys.exit(f"{way} made another file than before")
    if not taken.digest and way not in NAMELESS:
        taken.precision, taken.recall = scored(out, made.truth)
    taken.digest = digest
