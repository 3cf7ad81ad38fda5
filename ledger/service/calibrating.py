"""A/A replay: gates the ledger's own unchanged runs against each other and counts what the gate says.

Rules:
- The runs are the newest successful ones of one job, of the largest set that is of one machine, one set of packages,
  one configuration and one data set. Code may differ: what it changed counts as noise here.
- A split takes whole runs. Random splits are drawn from a seed and the runs, so that the same ledger gives the same
  splits; splits in order have the candidates follow their baseline, as a gate has them.
- Comparisons, findings and verdicts are made by the very functions the gate uses.
- The limit that is held at a number of runs is the bound below which four of five replays certify an unchanged metric.
  Beyond the numbers that were replayed it is scaled by sqrt(1/baseline + 1/candidate), as the error of a difference of
  means is (on logarithms; on the metric's own scale for quality).
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ledger.errors import LedgerError
from ledger.metrics import BUILT_IN, MetricRegistry
from ledger.report.calibration import Calibration, MetricNoise, Rate, Replays, Way
from ledger.service.choosing import Choice, choose
from ledger.service.comparability import Differences, facts_of, without_code
from ledger.service.comparing import against_runs
from ledger.service.observing import Observed, Series, observe
from ledger.stats import Assessment, Comparison, Finding, Policy, assess
from ledger.store.protocol import LedgerView
from ledger.verdict import Verdict, verdict_of

HELD_SHARE: Final = 0.8
"""Share of replays in which an unchanged metric is certified; the usual power of a test (Cohen 1988)."""

HELD_AT: Final = ((5, 3), (5, 5), (5, 10), (5, 20))
LIMITS: Final = (0.02, 0.05, 0.10, 0.20)
_Z: Final = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""
_NORMAL_MAD: Final = 1.4826
"""Turns a median absolute deviation into the standard deviation of a normal distribution."""
_MOST_RUNS: Final = 100_000
_FEWEST_RUNS: Final = 3
"""With fewer on each side even the clearest order of all values has p > 0.05: 1 / C(4, 2)."""

Split = tuple[tuple[int, ...], tuple[int, ...]]
"""Places of the baseline's and of the candidate's runs."""


class TooFewRunsError(LedgerError):
    """A ledger has not enough comparable runs to be split (exit code 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is replayed.

    Attributes:
        choice: Which runs.
        baseline: Runs on the baseline's side, >= 1.
        candidate: Runs on the candidate's side, >= 1.
        splits: Gates of each way, >= 1.
        seed: Of the random splits, >= 0.
        policy: What the gate tolerates.
        ignore_packages: Whether runs with other installed packages are comparable, as for the gate.
    """

    choice: Choice = field(default_factory=Choice)
    baseline: int = 10
    candidate: int = 5
    splits: int = 200
    seed: int = 0
    policy: Policy = field(default_factory=Policy)
    ignore_packages: bool = False


@dataclass(slots=True)
class _Counted:
    """What the gates of one way came to so far."""

    outcomes: list[str] = field(default_factory=list)
    alarmed: int = 0
    tests: int = 0
    flagged: int = 0
    by_metric: dict[tuple[str, str, str], list[Finding]] = field(default_factory=lambda: defaultdict(list))


def calibrate(view: LedgerView, plan: Plan, registry: MetricRegistry = BUILT_IN) -> Calibration:
    """Return how the gate behaves on runs that nothing was changed between.

    Raises:
        ConfigurationError: No run fits the choice.
        TooFewRunsError: Fewer runs are comparable than a gate takes.
    """
    chosen = choose(view, plan.choice)
    observed = observe(view, chosen.run_ids)
    run_ids = _comparable(observed, ignore_packages=plan.ignore_packages)
    size = plan.baseline + plan.candidate
    if len(run_ids) < size:
        message = (
            f"{len(run_ids)} of {len(chosen.run_ids)} runs of {chosen.job or 'no job'} at {view.uri} are comparable,"
            f" and {plan.baseline}x{plan.candidate} takes {size}; make more with `dagster-ledger run --runs"
            f" {size - len(run_ids)}`, or calibrate fewer with --runs"
        )
        raise TooFewRunsError(message)
    observed = _part(observed, run_ids)
    differences = Differences(view, observed.machines, plan.ignore_packages)
    ways: tuple[tuple[Way, Sequence[Split]], ...] = (
        ("random", _random(run_ids, plan)),
        ("in_order", _in_order(len(run_ids), plan)),
    )
    counted = {way: _replayed(observed, run_ids, splits, differences, plan, registry) for way, splits in ways}
    return Calibration(
        job=chosen.job,
        comparable_runs=len(run_ids),
        other_runs=len(chosen.run_ids) - len(run_ids),
        baseline_runs=plan.baseline,
        candidate_runs=plan.candidate,
        seed=plan.seed,
        independent_gates=len(run_ids) // size,
        replays=tuple(_told(way, counted[way]) for way, _ in ways),
        metrics=_noises(observed, counted["random"], plan),
    )


def rate(hits: int, total: int) -> Rate:
    """Return how often something happened with its 95 % interval (Wilson 1927, the score interval).

    Args:
        hits: How often, 0 <= hits <= total.
        total: Out of how many.
    """
    if total == 0:
        return Rate(hits=0, total=0, ratio=None, interval=None)
    p, z2 = hits / total, _Z * _Z
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    # At the ends the score interval reaches 0 and 1 exactly; rounding must not leave it short of them.
    low, high = 0.0 if hits == 0 else middle - half, 1.0 if hits == total else middle + half
    return Rate(hits=hits, total=total, ratio=p, interval=(low, high))


def _comparable(observed: Observed, *, ignore_packages: bool) -> tuple[str, ...]:
    """Return the largest set of runs with the same circumstances, in order; of equal ones the newest."""
    facts: dict[str, set[object]] = {run_id: set() for run_id in observed.run_ids}
    for (run_id, _, _), circumstance in observed.circumstances.items():
        if run_id in facts:
            told = without_code(facts_of(circumstance, observed.machines))
            facts[run_id].add(replace(told, machine_digest="") if ignore_packages else told)
    groups: dict[frozenset[object], list[str]] = {}
    for run_id in observed.run_ids:
        groups.setdefault(frozenset(facts[run_id]), []).append(run_id)
    place = {run_id: number for number, run_id in enumerate(observed.run_ids)}
    ordered = sorted(groups.values(), key=lambda group: (len(group), place[group[-1]]))
    return tuple(ordered[-1]) if ordered else ()


def _random(run_ids: Sequence[str], plan: Plan) -> list[Split]:
    """Return random splits; the baseline's and the candidate's runs each in run order."""
    digest = hashlib.sha256("\n".join(run_ids).encode()).digest()
    rng = np.random.Generator(np.random.PCG64([plan.seed, int.from_bytes(digest[:8], "big")]))
    splits = []
    for _ in range(plan.splits):
        drawn = [int(place) for place in rng.permutation(len(run_ids))[: plan.baseline + plan.candidate]]
        splits.append((tuple(sorted(drawn[: plan.baseline])), tuple(sorted(drawn[plan.baseline :]))))
    return splits


def _in_order(count: int, plan: Plan) -> list[Split]:
    """Return splits whose candidates follow their baseline, evenly over the history, each once."""
    last = count - plan.baseline - plan.candidate
    starts = sorted({round(start) for start in np.linspace(0, last, min(plan.splits, last + 1)).tolist()})
    cut = plan.baseline
    return [
        (tuple(range(start, start + cut)), tuple(range(start + cut, start + cut + plan.candidate))) for start in starts
    ]


def _replayed(
    observed: Observed,
    run_ids: Sequence[str],
    splits: Sequence[Split],
    differences: Differences,
    plan: Plan,
    registry: MetricRegistry,
) -> _Counted:
    """Return what the gates over some splits came to."""
    counted = _Counted()
    for comparisons in _comparisons(observed, run_ids, splits, differences, registry):
        assessment = assess(comparisons, plan.policy)
        _count(counted, assessment, verdict_of(assessment, plan.policy))
    return counted


def _comparisons(
    observed: Observed,
    run_ids: Sequence[str],
    splits: Sequence[Split],
    differences: Differences,
    registry: MetricRegistry,
) -> Iterator[tuple[Comparison, ...]]:
    """Yield what each gate compares."""
    for baseline, candidate in splits:
        sides = [_part(observed, [run_ids[place] for place in side]) for side in (candidate, baseline)]
        yield against_runs(sides[0], sides[1], differences, registry).comparisons


def _count(counted: _Counted, assessment: Assessment, verdict: Verdict) -> None:
    """Take down one gate."""
    flagged = [finding for finding in assessment.findings if finding.state == "regressed"]
    counted.outcomes.append(verdict.outcome)
    counted.alarmed += bool(flagged)
    counted.tests += len(assessment.findings)
    counted.flagged += len(flagged)
    for finding in assessment.findings:
        counted.by_metric[finding.key].append(finding)


def _part(observed: Observed, run_ids: Sequence[str]) -> Observed:
    """Return what some of the runs measured."""
    wanted = frozenset(run_ids)
    series = [_part_of_series(one, wanted) for one in observed.series]
    return replace(observed, run_ids=tuple(run_ids), series=tuple(one for one in series if one.values))


def _part_of_series(series: Series, wanted: frozenset[str]) -> Series:
    pairs = [pair for pair in zip(series.run_ids, series.values, strict=True) if pair[0] in wanted]
    return replace(series, run_ids=tuple(run for run, _ in pairs), values=tuple(value for _, value in pairs))


def _told(way: Way, counted: _Counted) -> Replays:
    gates = len(counted.outcomes)
    return Replays(
        way=way,
        gates=gates,
        alarms=rate(counted.alarmed, gates),
        failures=rate(counted.outcomes.count("FAIL"), gates),
        undecided=rate(counted.outcomes.count("INCONCLUSIVE"), gates),
        tests=rate(counted.flagged, counted.tests),
    )


def _noises(observed: Observed, counted: _Counted, plan: Plan) -> tuple[MetricNoise, ...]:
    """Return the noise of every metric that was judged, the noisiest first."""
    found = []
    for one in observed.series:
        findings = counted.by_metric.get((one.asset, one.partition or "", one.metric))
        if findings:
            found.append(_noise(one, findings, plan))
    return tuple(sorted(found, key=lambda one: (-(one.cv or 0.0), one.asset, one.partition or "", one.metric)))


def _noise(series: Series, findings: Sequence[Finding], plan: Plan) -> MetricNoise:
    values = np.array(series.values, dtype=np.float64)
    middle, mean = float(np.median(values)), float(values.mean())
    bound = _bound(findings)
    relative = findings[0].kind != "quality"
    sizes = dict.fromkeys(((plan.baseline, plan.candidate), *HELD_AT))
    return MetricNoise(
        asset=series.asset,
        partition=series.partition,
        metric=series.metric,
        unit=series.unit,
        runs=len(series.values),
        median=middle,
        cv=float(values.std(ddof=1)) / abs(mean) if mean and values.size > 1 else None,
        robust_cv=_NORMAL_MAD * float(np.median(np.abs(values - middle))) / abs(middle) if middle else None,
        limit=findings[0].limit,
        alarms=rate(sum(finding.state == "regressed" for finding in findings), len(findings)),
        held={f"{b}x{c}": _held(bound, (b, c), plan, relative=relative) for b, c in sizes},
        needed_runs={f"{limit:g}": _needed(bound, limit, plan, relative=relative) for limit in LIMITS},
    )


def _bound(findings: Sequence[Finding]) -> float | None:
    """Return the bound that four of five replays certified, ``None`` where they told none."""
    bounds = [finding.upper_bound for finding in findings if finding.upper_bound is not None]
    if len(bounds) < HELD_SHARE * len(findings):
        return None
    ordered: npt.NDArray[np.float64] = np.sort(np.array(bounds, dtype=np.float64))
    return max(float(ordered[math.ceil(HELD_SHARE * len(bounds)) - 1]), 0.0)


def _held(bound: float | None, size: tuple[int, int], plan: Plan, *, relative: bool) -> float | None:
    """Return the limit that is held at another number of runs."""
    if bound is None or size == (plan.baseline, plan.candidate):
        return bound
    scale = math.sqrt((1 / size[0] + 1 / size[1]) / (1 / plan.baseline + 1 / plan.candidate))
    return math.expm1(math.log1p(bound) * scale) if relative else bound * scale


def _needed(bound: float | None, limit: float, plan: Plan, *, relative: bool) -> int | None:
    """Return the runs on each side from which a limit is held, ``None`` beyond what anybody makes."""
    if bound is None:
        return None
    ratio = math.log1p(bound) / math.log1p(limit) if relative else bound / limit
    runs = math.ceil(2.0 * ratio * ratio / (1 / plan.baseline + 1 / plan.candidate))
    return max(runs, _FEWEST_RUNS) if runs <= _MOST_RUNS else None
