"""What the gate is asked and what it answers: observations, comparisons, a policy, findings.

Rules:
- One independent run gives one value. What shares a run or a process is refused by the judge, never counted.
- Absence is ``None``. A number that does not exist (a zero baseline has no ratio) is absent, not 0.
- ``estimate``, ``interval`` and ``limit`` of a finding are on one scale, on which a larger number is worse: a relative
  change for times, memory, rates and counts, an absolute change for quality.
- Records hold no rules; these are in ``judging`` and beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from ledger.metrics import Direction
from ledger.units import MIB

Kind: TypeAlias = Literal["time", "memory", "rate", "quality", "count"]
State: TypeAlias = Literal["regressed", "improved", "ok", "inconclusive", "not_comparable"]
Severity: TypeAlias = Literal["warning", "error", "critical"]
Against: TypeAlias = Literal["current", "anchor"]
ShiftSource: TypeAlias = Literal["probe", "assets"]

KINDS: Final[tuple[Kind, ...]] = ("time", "memory", "rate", "quality", "count")
DEFAULT_LIMITS: Final[Mapping[Kind, float]] = MappingProxyType(
    {"time": 0.10, "memory": 0.20, "rate": 0.10, "quality": 0.02, "count": 0.10}
)
"""Largest tolerated worsening: relative, but absolute (points of a ratio) for quality."""
DEFAULT_FLOORS: Final[Mapping[Kind, float]] = MappingProxyType({"time": 0.1, "memory": 16.0 * MIB})
"""Smallest absolute change worth a word, in seconds and bytes; 0 for other kinds."""
STATES: Final[tuple[State, ...]] = ("regressed", "improved", "ok", "inconclusive", "not_comparable")
SEVERITIES: Final[tuple[Severity, ...]] = ("warning", "error", "critical")
"""From the mildest to the gravest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """The values of one metric of one asset on one side of a comparison, in the order of the runs.

    Every optional tuple is empty where nothing was recorded, and otherwise as long as ``values``.

    Attributes:
        values: One value per run in the metric's base unit, n >= 0; a NaN or an infinite value is never judged.
        run_ids: Run of each value, as long as ``values``.
        launch_ids: Process or launch of each value; ``None`` where it is not known.
        rows: Size of the data of each run, in rows.
        probe_s: Machine probe of each run in seconds; larger is a slower machine.
        hosts: Machine of each run.
        boots: Boot of that machine.
        strata: Recorded condition of each run that may split it into modes, such as ``cold`` and ``warm``.
        successes: Rows of each run that count for a quality ratio.
        trials: Rows of each run that it is a ratio of.
    """

    values: tuple[float, ...]
    run_ids: tuple[str, ...]
    launch_ids: tuple[str | None, ...] = ()
    rows: tuple[float | None, ...] = ()
    probe_s: tuple[float | None, ...] = ()
    hosts: tuple[str | None, ...] = ()
    boots: tuple[str | None, ...] = ()
    strata: tuple[str | None, ...] = ()
    successes: tuple[int, ...] = ()
    trials: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one asset: candidate runs against baseline runs.

    Attributes:
        asset: Asset key.
        partition: Partition, ``None`` without partitions.
        metric: Metric name.
        kind: Which family of rules and limits applies.
        direction: Which way is better.
        unit: Base unit of the values.
        baseline: The accepted runs.
        candidate: The runs to be judged.
        anchor: A second, older baseline (last release), against which slow creep shows.
        required: Whether the gate may not pass without an answer for it.
        not_comparable: Why the sides cannot be compared, decided by the caller (other machine class, configuration or
            data); ``None`` where they can. Differences in size are decided here.
        limit: Largest tolerated worsening, in place of the policy's for the kind.
        floor: Smallest absolute change worth a word, in the unit, in place of the policy's.
    """

    asset: str
    metric: str
    kind: Kind
    direction: Direction
    unit: str
    baseline: Observations
    candidate: Observations
    partition: str | None = None
    anchor: Observations | None = None
    required: bool = False
    not_comparable: str | None = None
    limit: float | None = None
    floor: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Asset, partition (empty without one) and metric."""
        return (self.asset, self.partition or "", self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a gate tolerates. The defaults are what is shipped.

    Attributes:
        limits: Per kind: largest tolerated worsening, > 0; relative, but absolute for ``quality``. The default holds
            for a kind that is not named.
        floors: Per kind: smallest absolute change that is ever called a regression or an improvement, base unit;
            0 for a kind that is not named.
        alpha: Share of clean gates in which a regression may be reported.
        confidence: Confidence of intervals (two-sided) and of ``ok`` (one-sided).
        error_from: Multiple of the limit that the lower bound must reach for an error.
        critical_from: The same for critical.
        min_judged_ratio: Share of comparisons that must be judged for a gate to be conclusive.
        rows_tolerance: Relative difference in rows up to which runs are compared directly.
        rows_extrapolation: How far beyond the sizes in the baseline a candidate may be, as a factor.
        rows_min_span: Largest over smallest size in the baseline from which a dependence on size is fitted.
        rows_min_runs: Runs in the baseline from which it is.
        shift_assets: Assets from which a shift of all of them is looked for.
        shift_agreement: Share of them that must move one way.
        shift_min: Smallest median shift, relative, that counts.
    """

    limits: Mapping[Kind, float] = field(default_factory=lambda: DEFAULT_LIMITS)
    floors: Mapping[Kind, float] = field(default_factory=lambda: DEFAULT_FLOORS)
    alpha: float = 0.05
    confidence: float = 0.95
    error_from: float = 1.0
    critical_from: float = 2.5
    min_judged_ratio: float = 0.5
    rows_tolerance: float = 0.05
    rows_extrapolation: float = 1.5
    rows_min_span: float = 2.0
    rows_min_runs: int = 10
    shift_assets: int = 10
    shift_agreement: float = 0.8
    shift_min: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The judgement on one comparison.

    Attributes:
        asset: Asset key.
        partition: Partition, ``None`` without partitions.
        metric: Metric name.
        kind: Kind of the comparison.
        direction: Which way is better.
        unit: Base unit of ``delta``, ``baseline_value`` and ``candidate_value``.
        required: Whether the gate may not pass without an answer for it.
        state: The answer.
        severity: How grave a regression is; ``None`` in every other state.
        against: Which baseline it speaks of: the current one, or the anchor where that says worse.
        limit: Largest tolerated worsening, on the scale of ``estimate``.
        estimate: How much worse the candidate is (0.12 is 12 % worse, -0.12 is better), ``None`` where that cannot be
            said. Relative; absolute for quality.
        interval: Two-sided interval of ``estimate``; ``None`` where there are too few runs for one.
        upper_bound: One-sided upper bound of ``estimate``; ``ok`` means that it is below ``limit``.
        raw_estimate: ``estimate`` before the shift of the environment was taken out; equal to it where none was.
        p: Evidence against "no worsening", in (0, 1]; ``None`` where no test was made.
        adjusted_p: ``p`` after the correction for all tests of the gate (Benjamini & Hochberg 1995).
        needed_runs: Candidate runs still needed to settle an inconclusive finding; ``None`` where that is not known or
            not wanted.
        n_baseline: Baseline runs that were used.
        n_candidate: Candidate runs that were used.
        baseline_value: Median of the baseline, in ``unit``.
        candidate_value: Median of the candidate, in ``unit``.
        delta: Candidate minus baseline value, in ``unit``.
        reasons: The ladder of sentences that leads to the answer.
    """

    asset: str
    partition: str | None
    metric: str
    kind: Kind
    direction: Direction
    unit: str
    required: bool
    state: State
    severity: Severity | None = None
    against: Against = "current"
    limit: float
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    upper_bound: float | None = None
    raw_estimate: float | None = None
    p: float | None = None
    adjusted_p: float | None = None
    needed_runs: int | None = None
    n_baseline: int = 0
    n_candidate: int = 0
    baseline_value: float | None = None
    candidate_value: float | None = None
    delta: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Asset, partition (empty without one) and metric."""
        return (self.asset, self.partition or "", self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentShift:
    """All assets, or the machine probe, moved together.

    Attributes:
        source: What showed it.
        shift_ratio: Relative change: 0.15 is a machine 15 % slower.
        agreement: Share of the assets that moved that way; ``None`` from the probe.
        assets: How many assets were looked at.
        probe_ratio: What the machine probe says; ``None`` without one.
        confirmed: Whether the probe says the same as the assets.
        exceeds_limit: Whether the shift is itself beyond the limit and unconfirmed, so that a slower machine and a
            slower shared library cannot be told apart and the gate is inconclusive.
        sentence: It in words.
    """

    source: ShiftSource
    shift_ratio: float
    agreement: float | None
    assets: int
    probe_ratio: float | None
    confirmed: bool
    exceeds_limit: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Everything a gate learns from one family of comparisons.

    Attributes:
        findings: One per comparison, in the same order.
        environment_shift: The common shift, ``None`` without one.
    """

    findings: tuple[Finding, ...]
    environment_shift: EnvironmentShift | None = None
