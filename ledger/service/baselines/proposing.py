"""Proposes accepted measurements: baseline files made of the newest runs of a job.

Rules:
- A sample is of one machine, one set of packages, one configuration and one data set, a process per run, and has at
  least ``min_baseline_runs`` runs unless few are asked for. Otherwise nothing is proposed at all.
- A sample with a change point is no state to accept: the runs after it are.
- Nothing is loosened silently: a worse median or fewer runs than are accepted need ``loosen``, and the reason stands in
  the file. A better median tightens; other packages or another configuration on the same machine rebase.
- A sample whose values are too far apart is none: it would let anything pass.
- A change follows what the protected branch has accepted, not what the work tree proposes so far: a pull request is one
  step, however often it was proposed.
- What a person decided stays: limits, floors and anchors of metrics, and metrics that were not asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.baselines import (
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Change,
    Checkpoint,
    EntryChange,
    MetricBaseline,
    RunFacts,
    changes,
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
from ledger.service.baselines.acceptable import kind_of, looser, no_sample, problems_of
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.gate.comparability import shared_facts
from ledger.service.gate.comparing import judged_of, judging
from ledger.service.gate.policy import allowance_of
from ledger.service.reading.choosing import Choice, choose
from ledger.service.reading.observing import Key, Observed, Series, observe
from ledger.settings import RegressionSettings
from ledger.store.protocol import LedgerView


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
        anchor: Label of the sample as the anchor too, for instance a release; anchors stay as they are when ``None``.
    """

    choice: Choice
    assets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reason: str
    loosen: bool = False
    few: bool = False
    anchor: str | None = None


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
    """Files to be written.

    Attributes:
        files: Their texts, by path below the directory of baselines.
        changes: The metrics that change by this.
        told: How the files differ from what is accepted, which is what a pull request shows.
    """

    files: Mapping[str, str]
    changes: tuple[Changed, ...]
    told: tuple[EntryChange, ...] = ()


def propose(
    view: LedgerView,
    proposal: Proposal,
    accepted: AcceptedBaselines,
    settings: RegressionSettings,
    registry: MetricRegistry,
    checkpoint: Checkpoint | None = None,
    base: AcceptedBaselines | None = None,
) -> Proposed:
    """Return the baselines that runs of the ledger make.

    Args:
        view: The ledger.
        proposal: What is asked.
        accepted: What the work tree has so far.
        settings: How many runs a baseline has, and how far apart.
        registry: The declared metrics.
        checkpoint: A state of the ledger that holds the runs.
        base: What the protected branch had accepted where the work tree was branched off; it is what changes follow.
            Where it is not known (``None``), they follow the work tree.

    Raises:
        ConfigurationError: The runs are no sample, or would loosen what is accepted and nobody said so.
    """
    chosen = choose(view, _resolved(proposal.choice, settings))
    observed = observe(view, chosen.run_ids)
    ground = _Ground(observed, proposal, accepted, base, settings, registry, checkpoint)
    problems: list[str] = []
    made: list[Baseline] = []
    found_changes: list[Changed] = []
    for key, series in _wanted(observed, proposal, registry).items():
        found, said = _of_asset(ground, key, series)
        problems += said
        if found is not None and found[1]:
            made.append(found[0])
            found_changes += found[1]
    if problems:
        raise ConfigurationError("; ".join(_shortened(problems)))
    return proposed_of(made, found_changes, accepted if base is None else base, settings)


def proposed_of(
    made: Sequence[Baseline], found: Sequence[Changed], held: AcceptedBaselines, settings: RegressionSettings
) -> Proposed:
    """Return the files of some baselines, with how they differ from what is accepted.

    Args:
        made: The baselines.
        found: What changes in them.
        held: What is accepted.
        settings: How far they may go from their anchors, and be apart.
    """
    paths = {relative_path(one.asset, one.profile, one.partition): one for one in made}
    before = [one for path in paths if (one := held.at(path)) is not None]
    told = changes(before, made, allowance_of(settings))
    return Proposed({path: write(one) for path, one in paths.items()}, tuple(found), told)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all baselines of a proposal are made from."""

    observed: Observed
    proposal: Proposal
    accepted: AcceptedBaselines
    base: AcceptedBaselines | None
    settings: RegressionSettings
    registry: MetricRegistry
    checkpoint: Checkpoint | None

    def held(self, baseline: Baseline, metric: str) -> MetricBaseline | None:
        """Return the entry that a change of a metric follows: that of the base, where there is one."""
        if self.base is None:
            return baseline.metric(metric)
        found = self.base.at(relative_path(baseline.asset, baseline.profile, baseline.partition))
        return None if found is None else found.metric(metric)


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
    ground: _Ground, key: Key, series: Mapping[str, Series]
) -> tuple[tuple[Baseline, list[Changed]] | None, list[str]]:
    """Return the new baseline of an asset with what changes in it, or the sentences why there is none."""
    observed, proposal = ground.observed, ground.proposal
    runs = tuple(dict.fromkeys(run_id for one in series.values() for run_id in one.run_ids))
    facts = shared_facts(observed, key, runs)
    problem = no_sample(observed, key, facts, runs)
    if problem is not None:
        return None, [problem]
    fact = facts[0]
    old = ground.accepted.of(key, fact.machine)
    baseline = old or Baseline(asset=key[0], profile=profile_name(fact.machine), metrics=(), partition=key[1])
    problems: list[str] = []
    found: list[Changed] = []
    entries = {entry.metric: entry for entry in baseline.metrics}
    for metric, one in series.items():
        sample = _sample(observed, one, fact, ground.checkpoint)
        before = entries.get(metric)
        if before is not None and _is_there(before, sample, proposal.anchor):
            continue
        entry = _entry(ground, baseline, one, sample)
        given_up = tuple(
            what
            for former in dict.fromkeys(filter(None, (before, ground.held(baseline, metric))))
            for what in looser(former, entry, ground.settings)
        )
        told = tuple(dict.fromkeys(given_up))
        problems += problems_of(one, entry, told, ground.settings, few=proposal.few, loosen=proposal.loosen)
        if told:
            entry = replace(entry, change=Change("loosen", proposal.reason))
        entries[metric] = entry
        former_sample = before.current if before is not None else None
        found.append(Changed(*key, metric, one.unit, entry.change.kind, former_sample, sample))
    return (replace(baseline, metrics=tuple(entries[name] for name in sorted(entries))), found), problems


def _is_there(entry: MetricBaseline, sample: AcceptedSample, anchor: str | None) -> bool:
    """Return whether an entry says already what is proposed."""
    if entry.is_retired or entry.current.runs != sample.runs:
        return False
    held = entry.anchor
    return anchor is None or (held is not None and held.label == anchor and held.runs == sample.runs)


def _entry(ground: _Ground, baseline: Baseline, series: Series, sample: AcceptedSample) -> MetricBaseline:
    """Return the new entry of a metric; what a person decided about it stays."""
    before, held = baseline.metric(series.metric), ground.held(baseline, series.metric)
    kept = before or held
    how = judging(series.metric, series.unit, ground.registry, kept)
    direction = how.direction if how is not None else "lower_is_better"
    label = ground.proposal.anchor
    return MetricBaseline(
        metric=series.metric,
        unit=series.unit,
        direction=direction if kept is None else kept.direction,
        current=sample,
        change=Change(kind_of(held, sample), ground.proposal.reason),
        anchor=replace(sample, label=label) if label is not None else kept.anchor if kept is not None else None,
        limit=kept.limit if kept is not None else None,
        floor=kept.floor if kept is not None else None,
        supersedes=entry_digest(baseline, held) if held is not None else None,
    )


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


def _shortened(problems: Sequence[str], most: int = 5) -> list[str]:
    more = [f"and {len(problems) - most} more like these"] if len(problems) > most else []
    return [*problems[:most], *more]
