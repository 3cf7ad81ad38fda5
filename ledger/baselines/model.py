"""What was accepted as normal, as plain values.

Rules:
- A baseline is the sample itself, one value per run with the run's id, and never only its mean: comparing needs the
  spread, and a value that names its run can be recomputed from the ledger.
- Values are rounded to six decimals in their base unit (microseconds, whole bytes, millionths), so that what is read
  from a file is what was written to it.
- All of a metric's facts are its own: what is shared by a whole file is what never changes, so that two changes of
  different metrics do not touch the same lines.
- Runs keep the order they were made in; drift is told from it.
- A metric that is judged no more is retired: its entry stays with what was accepted last, so that its end is seen, and
  whoever brings it back is held to it.
"""

import statistics
from dataclasses import dataclass
from typing import Final, Literal

from ledger.metrics import Direction

SCHEMA_VERSION: Final = 1
"""Format of a baseline file. 1: the first; the kind of change ``retire`` came later, and is refused where unknown."""

ChangeKind = Literal["establish", "tighten", "loosen", "rebase-profile", "retire"]

CHANGE_KINDS: Final[tuple[ChangeKind, ...]] = ("establish", "tighten", "loosen", "rebase-profile", "retire")

LARGEST: Final = 1e18
"""Values of at least this size are refused: an exabyte, thirty billion years."""

_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """One run's value of a metric.

    Attributes:
        run_id: Dagster run id.
        value: In the metric's unit, rounded by ``rounded``.
        rows: Rows the asset read, or made where it reads none; ``None`` where nobody counted.
        code_version: Git commit of the run, ``None`` outside a repository.
    """

    run_id: str
    value: float
    rows: int | None = None
    code_version: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of the ledger that holds the runs: events in it, and the root of its Merkle tree (hex)."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class AcceptedSample:
    """Values of runs that may be compared with each other.

    Attributes:
        runs: At least one, in the order they were made, no run twice.
        machine_digest: Digest of machine class and software, as the runs recorded it.
        machine: The machine class for people, for instance ``AMD EPYC, 2 cores, 32 GiB class, Python 3.11``.
        config_digest: Digest of the resolved configuration of the runs.
        dataset_id: What data the runs read, where the project names it.
        size_class: Order of magnitude of the rows, see ``size_class_of``.
        checkpoint: Where in the ledger the runs are, where one was known.
        label: What the sample is called, for instance a release.
    """

    runs: tuple[AcceptedRun, ...]
    machine_digest: str
    machine: str
    config_digest: str
    dataset_id: str | None = None
    size_class: str | None = None
    checkpoint: Checkpoint | None = None
    label: str | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The values in the order of the runs."""
        return tuple(run.value for run in self.runs)

    @property
    def median(self) -> float:
        """Median of the values, rounded."""
        return rounded(statistics.median(self.values))

    @property
    def mad(self) -> float:
        """Median of the absolute deviations from the median (Hampel 1974), unscaled, rounded."""
        middle = statistics.median(self.values)
        return rounded(statistics.median(abs(value - middle) for value in self.values))


@dataclass(frozen=True, slots=True)
class Change:
    """What the last change of a metric's baseline was, and why: one of ``CHANGE_KINDS`` and a sentence."""

    kind: ChangeKind
    reason: str


@dataclass(frozen=True, slots=True)
class MetricBaseline:
    """What is normal for one metric of one asset.

    Attributes:
        metric: Declared name.
        unit: One of ``ledger.units.UNITS``.
        direction: Which way is better.
        current: What candidates are compared with.
        change: How ``current`` came to be.
        anchor: What they are compared with besides, so that many small steps do not pass: the last release.
        limit: Change that is still well: relative, or absolute for ratios; ``None`` for the project's limit.
        floor: Change in the metric's unit below which nothing is judged; ``None`` for the project's.
        supersedes: Digest of this metric's entry before the change, ``None`` for the first.
    """

    metric: str
    unit: str
    direction: Direction
    current: AcceptedSample
    change: Change
    anchor: AcceptedSample | None = None
    limit: float | None = None
    floor: float | None = None
    supersedes: str | None = None

    @property
    def is_retired(self) -> bool:
        """Whether nothing is held to it any more."""
        return self.change.kind == "retire"

    def samples(self) -> tuple[tuple[str, AcceptedSample], ...]:
        """Return ``("current", ...)`` and, where there is one, ``("anchor", ...)``."""
        anchored = () if self.anchor is None else (("anchor", self.anchor),)
        return ("current", self.current), *anchored


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal for one asset on one kind of machine.

    Attributes:
        asset: Asset key joined by ``/``.
        profile: Name of the kind of machine, the directory the file lies in.
        metrics: Sorted by name, none twice.
        partition: Partition key, ``None`` for an asset without partitions.
    """

    asset: str
    profile: str
    metrics: tuple[MetricBaseline, ...]
    partition: str | None = None

    def metric(self, name: str) -> MetricBaseline | None:
        """Return the entry of a metric, ``None`` without one."""
        return next((entry for entry in self.metrics if entry.metric == name), None)


def decimal_text(value: float) -> str:
    """Return a finite number as a decimal of at most six places, without an exponent or needless zeros."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def rounded(value: float) -> float:
    """Return a finite number as a baseline holds it; rounding again changes nothing."""
    return float(decimal_text(value))


def size_class_of(rows: tuple[int | None, ...]) -> str | None:
    """Return the largest power of two within the median of rows (``2^17``), ``None`` where no rows are known."""
    known = [count for count in rows if count is not None]
    return f"2^{max(round(statistics.median(known)), 1).bit_length() - 1}" if known else None
