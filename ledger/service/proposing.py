"""Proposes accepted measurements: baseline files made of the newest runs of a job.

Rules:
- A sample is of one machine, one set of packages, one configuration and one data set, a process per run, and has at
  least ``min_baseline_runs`` runs unless few are asked for. Otherwise nothing is proposed at all.
- A sample with a change point is no state to accept: the runs after it are.
- Nothing is loosened silently: a worse median or fewer runs than are accepted need ``loosen``, and the reason stands in
  the file. A better median tightens; other packages or another configuration on the same machine rebase.
- What a person decided stays: limits, floors and anchors of metrics, and metrics that were not asked for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ledger.baselines import (
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Change,
    Checkpoint,
    MetricBaseline,
    RunFacts,
    entry_digest,
    profile_name,
    relative_path,
    rounded,
    size_class_of,
    write,
)
from ledger.baselines.model import ChangeKind
from ledger.errors import ConfigurationError, StoreError
from ledger.metrics import MetricRegistry
from ledger.names import no_such
from ledger.service.accepted import AcceptedBaselines
from ledger.service.choosing import Choice, choose
from ledger.service.comparability import UNRECORDED, shared_facts
from ledger.service.comparing import judged_of, judging
from ledger.service.observing import Key, Observed, Series, observe
from ledger.settings import RegressionSettings
from ledger.store.protocol import LedgerView

_LEAST_FOR_CHANGES: Final = 10
"""Fewer values show no change point that could be told from noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is asked to be accepted.

    Attributes:
        choice: Which runs.
        assets: Only these assets; all when empty.
        metrics: Only these metrics; all that the gate judges when empty.
        reason: Why, one sentence.
        loosen: Whether a worse sample may be accepted.
        few: Whether fewer runs than the project wants are enough.
    """

    choice: Choice
    assets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reason: str
    loosen: bool = False
    few: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """One metric whose baseline changes; ``before`` is ``None`` where there was none."""

    asset: str
    partition: str | None
    metric: str
    unit: str
    change: ChangeKind
    before: AcceptedSample | None
    after: AcceptedSample


@dataclass(frozen=True, slots=True)
class Proposed:
    """Files to be written, by path below the directory of baselines, and what changes in them."""

    files: Mapping[str, str]
    changes: tuple[Changed, ...]


def propose(
    view: LedgerView,
    proposal: Proposal,
    accepted: AcceptedBaselines,
    settings: RegressionSettings,
    registry: MetricRegistry,
    checkpoint: Checkpoint | None = None,
) -> Proposed:
    """Return the baselines that runs of the ledger make.

    Args:
        view: The ledger.
        proposal: What is asked.
        accepted: What is accepted so far.
        settings: How many runs a baseline has.
        registry: The declared metrics.
        checkpoint: A state of the ledger that holds the runs.

    Raises:
        ConfigurationError: The runs are no sample, or would loosen what is accepted and nobody said so.
    """
    chosen = choose(view, _resolved(proposal.choice, settings))
    observed = observe(view, chosen.run_ids)
    by_key = _wanted(observed, proposal, registry)
    problems: list[str] = []
    files: dict[str, str] = {}
    changes: list[Changed] = []
    for key, series in by_key.items():
        found, said = _of_asset(observed, key, series, proposal, accepted, settings, registry, checkpoint)
        problems += said
        if found is not None:
            baseline, changed = found
            changes += changed
            if changed:
                files[relative_path(baseline.asset, baseline.profile, baseline.partition)] = write(baseline)
    if problems:
        raise ConfigurationError("; ".join(_shortened(problems)))
    return Proposed(files, tuple(changes))


def save(proposed: Proposed, directory: Path) -> list[Path]:
    """Write the files, each replaced as a whole, and return their paths.

    Raises:
        StoreError: One cannot be written.
    """
    written = []
    for name, text in sorted(proposed.files.items()):
        path = directory / name
        beside = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.replace(path)
        except OSError as error:
            message = f"cannot write {path}: {error.strerror}; correct its permissions"
            raise StoreError(message) from error
        written.append(path)
    return written


def _resolved(choice: Choice, settings: RegressionSettings) -> Choice:
    narrowed = choice.names or choice.commit or choice.since or choice.until or choice.last
    return choice if narrowed else replace(choice, last=settings.baseline_runs)


def _wanted(observed: Observed, proposal: Proposal, registry: MetricRegistry) -> dict[Key, dict[str, Series]]:
    """Return the series that are to be accepted, by asset and partition."""
    found: dict[Key, dict[str, Series]] = {}
    for one in observed.series:
        if not proposal.assets or one.asset in proposal.assets:
            found.setdefault(one.key, {})[one.metric] = one
    for name in proposal.assets:
        if not any(one.asset == name for one in observed.series):
            raise ConfigurationError(no_such("asset", name, {one.asset for one in observed.series}, "in the runs"))
    measured = {metric for series in found.values() for metric in series}
    for name in proposal.metrics:
        if name not in measured:
            raise ConfigurationError(no_such("metric", name, measured, "in the runs"))
        if (declared := registry.get(name)) is None or declared.direction == "neutral":
            why = "nobody declares it" if declared is None else "it has no better direction"
            message = f"{name} cannot have a baseline, since {why}; declare it with a direction under `metrics:`"
            raise ConfigurationError(message)
    kept = {
        key: {name: series[name] for name in (proposal.metrics or judged_of(series, registry)) if name in series}
        for key, series in found.items()
    }
    return {key: series for key, series in kept.items() if series}


def _of_asset(
    observed: Observed,
    key: Key,
    series: Mapping[str, Series],
    proposal: Proposal,
    accepted: AcceptedBaselines,
    settings: RegressionSettings,
    registry: MetricRegistry,
    checkpoint: Checkpoint | None,
) -> tuple[tuple[Baseline, list[Changed]] | None, list[str]]:
    """Return the new baseline of an asset with what changes in it, or the sentences why there is none."""
    runs = tuple(dict.fromkeys(run_id for one in series.values() for run_id in one.run_ids))
    facts = shared_facts(observed, key, runs)
    problem = _no_sample(observed, key, facts, runs)
    if problem is not None:
        return None, [problem]
    fact = facts[0]
    old = accepted.of(key, fact.machine)
    baseline = old or Baseline(asset=key[0], profile=profile_name(fact.machine), metrics=(), partition=key[1])
    problems: list[str] = []
    changes: list[Changed] = []
    entries = {entry.metric: entry for entry in baseline.metrics}
    for metric, one in series.items():
        sample = _sample(observed, one, fact, checkpoint)
        before = entries.get(metric)
        if before is not None and before.current.runs == sample.runs:
            continue
        how = judging(metric, one.unit, registry, before)
        direction = how.direction if how is not None else "lower_is_better"
        looser = before is not None and _is_looser(before, sample)
        problems += _problems(one, sample, before, proposal, settings, looser=looser)
        change = Change(_kind(before, sample, looser=looser), proposal.reason)
        entries[metric] = MetricBaseline(
            metric=metric,
            unit=one.unit,
            direction=direction if before is None else before.direction,
            current=sample,
            change=change,
            anchor=before.anchor if before is not None else None,
            limit=before.limit if before is not None else None,
            floor=before.floor if before is not None else None,
            supersedes=entry_digest(baseline, before) if before is not None else None,
        )
        changes.append(
            Changed(*key, metric, one.unit, change.kind, before.current if before is not None else None, sample)
        )
    return (replace(baseline, metrics=tuple(entries[name] for name in sorted(entries))), changes), problems


def _no_sample(observed: Observed, key: Key, facts: Sequence[RunFacts], runs: tuple[str, ...]) -> str | None:
    """Return why runs are no sample of an asset, ``None`` where they are."""
    if not facts or facts[0].machine == UNRECORDED or facts[0].config_digest == UNRECORDED:
        return f"the runs of {key[0]} did not record their machine and configuration, so nothing can be held to them"
    if len(facts) > 1:
        machines = sorted({fact.machine for fact in facts})
        what = f"machines ({'; '.join(machines)})" if len(machines) > 1 else "configurations or sets of packages"
        return f"the runs of {key[0]} are of several {what}; narrow them with --last, --since, --commit or --run"
    shared = [
        process
        for process, count in Counter(observed.circumstance(run_id, key).process for run_id in runs).items()
        if process is not None and count > 1
    ]
    if shared:
        return f"runs of {key[0]} share a process, so they are no independent values; start a process per run"
    return None


def _problems(
    series: Series,
    sample: AcceptedSample,
    before: MetricBaseline | None,
    proposal: Proposal,
    settings: RegressionSettings,
    *,
    looser: bool,
) -> list[str]:
    """Return why a sample is not accepted, one sentence each."""
    name = f"{series.metric} of {series.asset}"
    found = []
    if len(sample.runs) < settings.min_baseline_runs and not proposal.few:
        found.append(
            f"{name} has {len(sample.runs)} runs, a baseline has at least {settings.min_baseline_runs}; make more with"
            " `dagster-ledger run --runs`, or accept few with --few"
        )
    if looser and before is not None and not proposal.loosen:
        how = f"{before.current.median:g} to {sample.median:g} {series.unit}, {len(before.current.runs)} to"
        found.append(
            f"{name} would be loosened ({how} {len(sample.runs)} runs); say so with --loosen, the reason is kept"
        )
    changed = _changed_at(series)
    if changed is not None:
        found.append(f"{name} changed at run {changed[:8]}; take the runs from there on with --since or --last")
    return found


def _changed_at(series: Series) -> str | None:
    """Return the run at which a series changed for good, ``None`` where it did not."""
    from ledger.stats import change_points  # noqa: PLC0415 - brings scipy

    if len(series.values) < _LEAST_FOR_CHANGES or len(set(series.values)) == 1:
        return None
    found = [point for point in change_points(series.values) if not point.provisional]
    return series.run_ids[found[-1].index] if found else None


def _sample(observed: Observed, series: Series, fact: RunFacts, checkpoint: Checkpoint | None) -> AcceptedSample:
    rows = [observed.rows(run_id, series.key) for run_id in series.run_ids]
    runs = tuple(
        AcceptedRun(
            run_id=run_id,
            value=rounded(value),
            rows=None if count is None else int(count),
            code_version=observed.circumstance(run_id, series.key).code_version,
        )
        for run_id, value, count in zip(series.run_ids, series.values, rows, strict=True)
    )
    return AcceptedSample(
        runs=runs,
        machine_digest=fact.machine_digest,
        machine=fact.machine,
        config_digest=fact.config_digest,
        dataset_id=fact.dataset_id,
        size_class=size_class_of(tuple(run.rows for run in runs)),
        checkpoint=checkpoint,
    )


def _is_looser(before: MetricBaseline, sample: AcceptedSample) -> bool:
    worse = sample.median - before.current.median
    if before.direction == "higher_is_better":
        worse = -worse
    return worse > 0.0 or len(sample.runs) < len(before.current.runs)


def _kind(before: MetricBaseline | None, sample: AcceptedSample, *, looser: bool) -> ChangeKind:
    if before is None:
        return "establish"
    if looser:
        return "loosen"
    old = before.current
    same = (old.machine_digest, old.config_digest, old.dataset_id) == (
        sample.machine_digest,
        sample.config_digest,
        sample.dataset_id,
    )
    return "tighten" if same else "rebase-profile"


def _shortened(problems: Sequence[str], most: int = 5) -> list[str]:
    more = [f"and {len(problems) - most} more like these"] if len(problems) > most else []
    return [*problems[:most], *more]
