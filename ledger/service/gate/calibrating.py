"""A/A replay: gates the ledger's own unchanged runs against each other and counts what the gate says.

Rules:
- The runs are the newest successful ones of one job, of the largest set that is of one machine, one set of packages,
  one configuration and one data set. Code may differ: what it changed counts as noise here.
- A split takes whole runs. Random splits are drawn from a seed and the runs, so that the same ledger gives the same
  splits; splits in order have the candidates follow their baseline, as a gate has them.
- Comparisons, findings and verdicts are made by the very functions the gate uses.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from ledger.errors import LedgerError
from ledger.metrics import BUILT_IN, MetricRegistry
from ledger.report.calibration import Calibration, MetricNoise, Replays, Way
from ledger.service.gate.comparability import Differences, facts_of, without_code
from ledger.service.gate.comparing import against_runs, judging
from ledger.service.gate.metric_noise import noise_of, rate
from ledger.service.reading.choosing import Choice, choose
from ledger.service.reading.observing import Observed, Series, observe
from ledger.stats import Assessment, Comparison, Finding, Policy, assess
from ledger.store.protocol import LedgerView
from ledger.verdict import Verdict, verdict_of

Split: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
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
    observed = _judged(_part(observed, run_ids), registry)
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
    series = [_part_of_series(one, observed.of(*one.key, one.metric), run_ids) for one in observed.series]
    return replace(observed, run_ids=tuple(run_ids), series=tuple(one for one in series if one.values))


def _part_of_series(series: Series, values: Mapping[str, float], run_ids: Sequence[str]) -> Series:
    used = tuple(run_id for run_id in run_ids if run_id in values)
    return Series(*series.key, series.metric, series.unit, used, tuple(values[run_id] for run_id in used))


def _judged(observed: Observed, registry: MetricRegistry) -> Observed:
    """Return what was measured without what no gate judges, so that it is not split again and again."""
    series = tuple(one for one in observed.series if judging(one.metric, one.unit, registry) is not None)
    return replace(observed, series=series)


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
            found.append(noise_of(one, findings, (plan.baseline, plan.candidate)))
    return tuple(sorted(found, key=lambda one: (-(one.cv or 0.0), one.asset, one.partition or "", one.metric)))
