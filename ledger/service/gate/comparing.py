"""Turns what a ledger holds into comparisons: candidate runs against accepted baselines, or against earlier runs.

Rules:
- Judged are times, memory, rates and quality that have a better direction; what the ledger itself costs, sizes and the
  environment are not. What says twice the same is judged once: rows per second beside a duration, the absolute peak
  beside the increase, matched rows beside the match rate.
- Against files, an asset's file says which of its metrics are judged, and which must not vanish. An asset without a
  file has no baseline, which is an answer of its own and never a pass.
- Against runs, those that may be compared with the candidates make the baseline; where none may, it is said why.
- What earlier runs of the job made and the candidates did not is asked nevertheless: half a run is no pass.
- Candidates of several machines, configurations or data sets are no sample, and so are candidates that are in the
  baseline themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ledger.baselines import AcceptedSample, MetricBaseline, RunFacts
from ledger.metrics import Direction, MetricRegistry
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.gate.comparability import Differences, shared_facts, without_code
from ledger.service.reading.observing import Key, Observed, Series
from ledger.stats.records import Comparison, Kind, Observations
from ledger.units import BYTES, RATIO, ROWS_PER_SECOND, SECONDS

NOTHING: Final = Observations(values=(), run_ids=())
_KIND_OF_UNIT: Final[Mapping[str, Kind]] = {
    SECONDS: "time",
    BYTES: "memory",
    ROWS_PER_SECOND: "rate",
    RATIO: "quality",
}
_JUDGED_KINDS: Final = frozenset({"time", "memory", "rate", "quality"})
_SAID_BY: Final = {
    "records_per_s": "duration_s",
    "peak_rss_bytes": "peak_increase_bytes",
    "matched_rows": "match_rate",
    "unmatched_rows": "match_rate",
}
"""Metric to the one that says the same better."""
_TRIALS: Final = {"match_rate": "scope_rows", "recall": "labelled_rows"}
"""Ratio to the rows that it is a ratio of."""
_WHOLE: Final = 1e-6

Wanted: TypeAlias = frozenset[tuple[str, str]]
"""Pairs of asset and metric."""


@dataclass(frozen=True, slots=True)
class Judging:
    """What a metric is judged as."""

    kind: Kind
    direction: Direction
    unit: str


@dataclass(frozen=True, slots=True)
class Built:
    """Comparisons, and what could not become one.

    Attributes:
        comparisons: Ordered by asset, partition and metric.
        undeclared: Metrics that no registry declares, so that nobody knows which way is better.
    """

    comparisons: tuple[Comparison, ...]
    undeclared: tuple[str, ...]


def judging(metric: str, unit: str, registry: MetricRegistry, entry: MetricBaseline | None = None) -> Judging | None:
    """Return what a metric is judged as, ``None`` where it is not judged.

    Args:
        metric: Its name.
        unit: Its unit.
        registry: The declared metrics.
        entry: What was accepted for it; it says which way is better where no registry does.
    """
    declared = registry.get(metric)
    if declared is None:
        return None if entry is None else Judging(_KIND_OF_UNIT.get(unit, "count"), entry.direction, unit)
    if declared.direction == "neutral" or (declared.kind not in _JUDGED_KINDS and entry is None):
        return None
    return Judging(_KIND_OF_UNIT.get(unit, "count"), declared.direction, unit)


def judged_of(series: Mapping[str, Series], registry: MetricRegistry) -> tuple[str, ...]:
    """Return the metrics of an asset that a gate judges, each thing once."""
    return tuple(_only_once(series, registry, set()))


def against_files(
    candidate: Observed,
    accepted: AcceptedBaselines,
    known: Observed,
    differences: Differences,
    registry: MetricRegistry,
    *,
    expected: frozenset[str] = frozenset(),
) -> Built:
    """Return the comparisons of candidate runs with baseline files.

    Args:
        candidate: The runs to be judged.
        accepted: The files.
        known: What the ledger still knows of the runs that the files name; may be nothing.
        differences: Tells what differs.
        registry: The declared metrics.
        expected: Assets that the candidates are expected to make.
    """
    found: list[Comparison] = []
    undeclared: set[str] = set()
    by_key = _by_key(candidate.series)
    for key in _keys(candidate):
        series = by_key.get(key, {})
        facts = shared_facts(candidate, key, _runs_of(candidate, key))
        baseline = next((one for fact in facts if (one := accepted.of(key, fact.machine)) is not None), None)
        baseline = baseline or accepted.elsewhere(key)
        if baseline is None:
            undeclared |= {metric for metric in series if metric not in registry}
            found += _without_baseline(candidate, series, registry)
            continue
        for entry in baseline.metrics:
            own = series.get(entry.metric)
            judged = judging(entry.metric, entry.unit, registry, entry)
            if judged is None or entry.is_retired:
                continue
            found.append(_with_file(candidate, key, own, entry, judged, known, differences))
    machines = sorted({machine.name for machine in candidate.machines.values()})
    for asset in sorted(expected - _begun(candidate)):
        files = (accepted.of((asset, None), machine) for machine in machines)
        baseline = next((one for one in files if one is not None), None)
        for entry in baseline.metrics if baseline is not None else ():
            judged = judging(entry.metric, entry.unit, registry, entry)
            if judged is not None and not entry.is_retired:
                side = accepted_observations(entry.current, known, (asset, None))
                found.append(_not_made((asset, None), entry.metric, judged, side))
    return Built(_sorted(found), tuple(sorted(undeclared)))


def against_runs(
    candidate: Observed,
    baseline: Observed,
    differences: Differences,
    registry: MetricRegistry,
    *,
    expected: frozenset[str] = frozenset(),
) -> Built:
    """Return the comparisons of candidate runs with earlier runs.

    Args:
        candidate: The runs to be judged.
        baseline: The earlier runs.
        differences: Tells what differs.
        registry: The declared metrics.
        expected: Assets that the candidates are expected to make.
    """
    mine, theirs = _by_key(candidate.series), _by_key(baseline.series)
    undeclared: set[str] = set()
    found: list[Comparison] = []
    for key in _keys(candidate):
        own, accepted = mine.get(key, {}), theirs.get(key, {})
        facts = shared_facts(candidate, key, _runs_of(candidate, key))
        refused, kept = _comparable(baseline, key, facts, differences)
        told = _only_once({**accepted, **own}, registry, undeclared)
        for metric, judged in told.items():
            series = accepted.get(metric)
            side = observations(baseline, key, series, kept if refused is None else None)
            found.append(
                Comparison(
                    asset=key[0],
                    partition=key[1],
                    metric=metric,
                    kind=judged.kind,
                    direction=judged.direction,
                    unit=judged.unit,
                    baseline=side,
                    candidate=observations(candidate, key, own.get(metric)),
                    not_comparable=_mixed(facts, differences) or (refused if series is not None else _no_baseline(key)),
                )
            )
    for asset in sorted(expected - _begun(candidate)):
        key = (asset, None)
        for metric, judged in _only_once(theirs.get(key, {}), registry, undeclared).items():
            found.append(_not_made(key, metric, judged, observations(baseline, key, theirs[key][metric])))
    return Built(_sorted(found), tuple(sorted(undeclared)))


def observations(
    observed: Observed, key: Key, series: Series | None, kept: frozenset[str] | None = None
) -> Observations:
    """Return a series as one side of a comparison.

    Args:
        observed: What the runs measured.
        key: Asset and partition.
        series: The values; ``None`` where nothing was measured.
        kept: Runs that are used; all when ``None``.
    """
    if series is None:
        return NOTHING
    pairs = [
        (run_id, value)
        for run_id, value in zip(series.run_ids, series.values, strict=True)
        if kept is None or run_id in kept
    ]
    side = _side(tuple(run_id for run_id, _ in pairs), tuple(value for _, value in pairs), observed, key)
    return _counted(replace(side, rows=tuple(observed.rows(run_id, key) for run_id, _ in pairs)), observed, series)


def accepted_observations(sample: AcceptedSample, known: Observed, key: Key) -> Observations:
    """Return an accepted sample as one side of a comparison, with what the ledger still knows of its runs."""
    side = _side(tuple(run.run_id for run in sample.runs), sample.values, known, key)
    return replace(side, rows=tuple(None if run.rows is None else float(run.rows) for run in sample.runs))


def _side(run_ids: tuple[str, ...], values: tuple[float, ...], observed: Observed, key: Key) -> Observations:
    found = [observed.circumstance(run_id, key) for run_id in run_ids]
    return Observations(
        values=values,
        run_ids=run_ids,
        launch_ids=tuple(one.process for one in found),
        probe_s=tuple(observed.probes_s.get(run_id) for run_id in run_ids),
        hosts=tuple(one.host for one in found),
        boots=tuple(one.boot_id for one in found),
    )


def _counted(side: Observations, observed: Observed, series: Series) -> Observations:
    """Return the side with the counts its ratios are made of, where the ledger has whole ones for every run."""
    trials = observed.of(series.asset, series.partition, _TRIALS.get(series.metric, ""))
    if not side.values or any(not trials.get(run_id) for run_id in side.run_ids):
        return side
    rows = [trials[run_id] for run_id in side.run_ids]
    hits = [value * count for value, count in zip(side.values, rows, strict=True)]
    if any(abs(hit - round(hit)) > _WHOLE * max(1.0, hit) for hit in hits):
        return side
    return replace(side, successes=tuple(map(round, hits)), trials=tuple(map(round, rows)))


def _with_file(
    candidate: Observed,
    key: Key,
    own: Series | None,
    entry: MetricBaseline,
    judged: Judging,
    known: Observed,
    differences: Differences,
) -> Comparison:
    facts = shared_facts(candidate, key, _runs_of(candidate, key))
    sample = entry.current
    why = _meaning(judged, own, entry) or _mixed(facts, differences) or _own_baseline(own, sample)
    if why is None and facts:
        why = differences.between(facts[0], _facts_of_sample(sample))
    anchor = entry.anchor
    if anchor is not None and (not facts or differences.between(facts[0], _facts_of_sample(anchor)) is not None):
        anchor = None
    return Comparison(
        asset=key[0],
        partition=key[1],
        metric=entry.metric,
        kind=judged.kind,
        direction=judged.direction,
        unit=entry.unit,
        baseline=accepted_observations(sample, known, key),
        candidate=observations(candidate, key, own),
        anchor=None if anchor is None else accepted_observations(anchor, known, key),
        not_comparable=why,
        limit=entry.limit,
        floor=entry.floor,
    )


def _not_made(key: Key, metric: str, judged: Judging, baseline: Observations) -> Comparison:
    return Comparison(
        asset=key[0],
        partition=key[1],
        metric=metric,
        kind=judged.kind,
        direction=judged.direction,
        unit=judged.unit,
        baseline=baseline,
        candidate=NOTHING,
        not_comparable="not made by the candidate runs",
    )


def _begun(observed: Observed) -> frozenset[str]:
    """Return the assets that were begun or measured, in whatever partition."""
    return frozenset(asset for asset, _ in _keys(observed))


def _without_baseline(observed: Observed, series: Mapping[str, Series], registry: MetricRegistry) -> list[Comparison]:
    return [
        Comparison(
            asset=series[metric].asset,
            partition=series[metric].partition,
            metric=metric,
            kind=judged.kind,
            direction=judged.direction,
            unit=judged.unit,
            baseline=NOTHING,
            candidate=observations(observed, series[metric].key, series[metric]),
            not_comparable=_no_baseline(series[metric].key),
        )
        for metric, judged in _only_once(series, registry, set()).items()
    ]


def _only_once(series: Mapping[str, Series], registry: MetricRegistry, undeclared: set[str]) -> dict[str, Judging]:
    """Return what is judged of an asset, each thing once; metrics that nobody declares are noted."""
    undeclared |= {metric for metric in series if metric not in registry}
    judged = {metric: judging(metric, one.unit, registry) for metric, one in series.items()}
    found = {metric: how for metric, how in judged.items() if how is not None}
    return {metric: how for metric, how in found.items() if _SAID_BY.get(metric) not in found}


def _comparable(
    baseline: Observed, key: Key, facts: Sequence[RunFacts], differences: Differences
) -> tuple[str | None, frozenset[str]]:
    """Return the baseline runs that may be compared; where none may, why the newest may not."""
    runs = _runs_of(baseline, key)
    if not facts or not runs:
        return (_no_baseline(key) if not runs else None), frozenset(runs)
    whys = {run_id: differences.between(facts[0], shared_facts(baseline, key, (run_id,))[0]) for run_id in runs}
    kept = frozenset(run_id for run_id, why in whys.items() if why is None)
    return (None if kept else whys[runs[-1]]), kept


def _mixed(facts: Sequence[RunFacts], differences: Differences) -> str | None:
    if all(differences.between(facts[0], fact) is None for fact in facts[1:]):
        return None
    for what, values in (
        ("machines", {fact.machine for fact in facts}),
        ("sets of installed packages", {fact.machine_digest for fact in facts if not differences.ignore_packages}),
        ("configurations", {fact.config_digest for fact in facts}),
        ("data sets", {fact.dataset_id for fact in facts}),
    ):
        if len(values) > 1:
            return f"the candidate runs are of {len(values)} {what}; name runs of one"
    return None


def _meaning(judged: Judging, own: Series | None, entry: MetricBaseline) -> str | None:
    """Return the sentence for a file that means another thing by the metric's name than what is measured."""
    if own is not None and own.unit != entry.unit:
        return f"other unit: {own.unit} instead of {entry.unit}"
    if judged.direction != entry.direction:
        return f"other direction: declared is {judged.direction}, the baseline says {entry.direction}"
    return None


def _own_baseline(own: Series | None, sample: AcceptedSample) -> str | None:
    """Return the sentence for candidates that are what was accepted: they cannot witness for themselves."""
    shared = set() if own is None else {*own.run_ids} & {run.run_id for run in sample.runs}
    if not shared:
        return None
    return "candidate runs are in the baseline itself; make new runs, for instance with `dagster-ledger run --runs 5`"


def _no_baseline(key: Key) -> str:
    if key[1] is not None:
        return "no baseline for its partition; propose one with `dagster-ledger baseline propose`"
    return "no baseline; propose one with `dagster-ledger baseline propose`"


def _facts_of_sample(sample: AcceptedSample) -> RunFacts:
    return without_code(RunFacts(sample.machine_digest, sample.machine, sample.config_digest, None, sample.dataset_id))


def _runs_of(observed: Observed, key: Key) -> tuple[str, ...]:
    """Return the runs in which an asset was begun, in their order."""
    return tuple(run_id for run_id in observed.run_ids if (run_id, *key) in observed.circumstances)


def _keys(observed: Observed) -> list[Key]:
    """Return assets and partitions that were begun or measured, in order."""
    begun = {(asset, partition) for _, asset, partition in observed.circumstances}
    return sorted({*begun, *(one.key for one in observed.series)}, key=lambda key: (key[0], key[1] or ""))


def _by_key(series: Iterable[Series]) -> dict[Key, dict[str, Series]]:
    found: dict[Key, dict[str, Series]] = {}
    for one in series:
        found.setdefault(one.key, {})[one.metric] = one
    return found


def _sorted(found: Iterable[Comparison]) -> tuple[Comparison, ...]:
    return tuple(sorted(found, key=lambda one: one.key))
