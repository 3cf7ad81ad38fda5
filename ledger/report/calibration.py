"""What a calibration holds: how often the gate cries wolf on this ledger's own runs, and how small a limit it can hold.

Records only; who fills them is ``ledger.service.gate.calibrating``.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Way: TypeAlias = Literal["random", "in_order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something happened.

    Attributes:
        hits: How often.
        total: Out of how many.
        ratio: ``hits`` / ``total``; ``None`` where nothing was tried.
        interval: 95 % interval of it.
    """

    hits: int
    total: int
    ratio: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replays:
    """What gates over runs of one kind came to, where nothing was to be found.

    Attributes:
        way: ``random`` (runs split at random) or ``in_order`` (candidates that followed their baseline, so that drift
            and real changes count as well).
        gates: Gates that were replayed.
        alarms: Gates with any metric regressed.
        failures: Gates whose verdict was FAIL.
        undecided: Gates whose verdict was INCONCLUSIVE.
        tests: Comparisons that were flagged as regressed, out of all of them.
    """

    way: Way
    gates: int
    alarms: Rate
    failures: Rate
    undecided: Rate
    tests: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNoise:
    """How noisy one metric of one asset is, and what that allows.

    Attributes:
        asset: Asset key.
        partition: Partition, ``None`` without partitions.
        metric: Metric name.
        unit: Base unit.
        runs: Comparable runs with a value.
        median: Their median, in ``unit``.
        cv: Standard deviation over mean; ``None`` where the mean is 0.
        robust_cv: 1.4826 times the median absolute deviation over the median; ``None`` where that is 0.
        limit: The policy's limit: relative, absolute for quality.
        alarms: How often it was flagged in random splits.
        held: Limit that is certified for an unchanged metric in four of five replays, by baseline x candidate runs;
            ``None`` where no bound can be told.
        needed_runs: Runs on each side from which each of some limits is held, by limit; ``None`` where that is unknown.
    """

    asset: str
    partition: str | None
    metric: str
    unit: str
    runs: int
    median: float
    cv: float | None
    robust_cv: float | None
    limit: float
    alarms: Rate
    held: dict[str, float | None]
    needed_runs: dict[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The gate as it behaves on this ledger.

    Attributes:
        job: Job of the runs.
        comparable_runs: Runs of one machine, configuration and data set, which the splits are made of.
        other_runs: Runs that are comparable with fewer others, and were left out.
        baseline_runs: Runs on the baseline's side of each gate.
        candidate_runs: Runs on the candidate's side.
        seed: Seed of the random splits.
        independent_gates: Gates that share no run which the history could give: what the rates really rest on.
        replays: Random splits, then splits in order.
        metrics: The noisiest first.
    """

    job: str | None
    comparable_runs: int
    other_runs: int
    baseline_runs: int
    candidate_runs: int
    seed: int
    independent_gates: int
    replays: tuple[Replays, ...]
    metrics: tuple[MetricNoise, ...]
