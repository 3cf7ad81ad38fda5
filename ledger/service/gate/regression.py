"""The regression gate: chooses runs, holds them against a baseline, and comes to a verdict.

Rules:
- The answer follows from the ledger, the baseline and the settings alone: asked again, by whatever process, it is the
  same, and holds no time.
- What was asked for and is not there is an error of the question; what cannot be judged is a finding.
- A required metric that the candidates did not measure is missing, and fails.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ledger.baselines import Baseline
from ledger.errors import ConfigurationError
from ledger.events.codec import canonical_json
from ledger.git import commit_of
from ledger.metrics import MetricRegistry
from ledger.names import no_such
from ledger.service.baselines import accepted
from ledger.service.gate.baseline_words import BaselineWords
from ledger.service.gate.comparability import Differences
from ledger.service.gate.comparing import Built, against_files, against_runs
from ledger.service.gate.policy import policy_of
from ledger.service.reading.choosing import Choice, Chosen, before, choose, planned_before, window
from ledger.service.reading.observing import Observed, observe
from ledger.service.reading.standing import standing
from ledger.settings import RegressionSettings
from ledger.stats.records import Assessment, Comparison, Finding, Observations, Policy
from ledger.store.protocol import LedgerView
from ledger.verdict import Verdict, name_of, verdict_of

PAIR: Final = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a gate is asked.

    Attributes:
        candidate: Runs to be judged.
        baseline: What they are held against.
        assets: Only these assets; all when empty.
        metrics: Only these metrics; all when empty.
        only: Only these pairs of asset and metric; all when empty.
        partitions: Only these partitions, ``None`` for assets without; all when empty.
        require: Pairs ``asset:metric`` that must be judged for a pass.
        earlier_than: Runs that a baseline of runs comes before, and does not hold; the candidates when empty.
    """

    candidate: Choice
    baseline: BaselineWords
    assets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    only: frozenset[tuple[str, str]] = frozenset()
    partitions: tuple[str | None, ...] = ()
    require: tuple[str, ...] = ()
    earlier_than: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a gate answers.

    Attributes:
        job: Job of the candidates.
        candidate_run_ids: The candidates, in the order they began.
        code_versions: Commits they ran, in order of name.
        baseline: What they were held against.
        baseline_where: The same in words.
        baseline_digest: SHA-256 (hex) over the runs and values of the baseline.
        comparisons: What was compared, ordered by asset, partition and metric.
        assessment: The findings, in the same order.
        verdict: What they come to.
        policy: What was tolerated.
        undeclared: Measured metrics that nobody declares.
    """

    job: str | None
    candidate_run_ids: tuple[str, ...]
    code_versions: tuple[str, ...]
    baseline: BaselineWords
    baseline_where: str
    baseline_digest: str
    comparisons: tuple[Comparison, ...]
    assessment: Assessment
    verdict: Verdict
    policy: Policy
    undeclared: tuple[str, ...] = ()

    def worst_first(self) -> tuple[Finding, ...]:
        """Return the findings, the gravest first."""
        return tuple(sorted(self.assessment.findings, key=_gravity))


def ask(
    view: LedgerView,
    question: Question,
    settings: RegressionSettings,
    registry: MetricRegistry,
    project: Path,
    *,
    files: accepted.AcceptedBaselines | None = None,
) -> Answer:
    """Return the answer of the gate.

    Args:
        view: The ledger.
        question: What is asked.
        settings: What is tolerated.
        registry: The declared metrics, those of the project among them.
        project: Directory of the project, which baseline files and git are looked up in.
        files: The baseline files that the question names, where the caller has read them already.

    Raises:
        ConfigurationError: No runs fit, a name is wrong, or a baseline file cannot be read.
        IntegrityError: A baseline file was altered.
    """
    from ledger.stats import assess  # noqa: PLC0415 - brings scipy

    chosen = choose(view, _resolved(question.candidate, settings, project))
    observed = observe(view, chosen.run_ids)
    files = files if files is not None else _files(question.baseline, project)
    built, where = _built(view, question, chosen, observed, settings, registry, project, files)
    _check_names(question, built, observed)
    comparisons, missing = _required(_narrowed(built.comparisons, question), question.require)
    policy = policy_of(settings)
    assessment = assess(comparisons, policy)
    return Answer(
        job=chosen.job,
        candidate_run_ids=observed.run_ids,
        code_versions=_code_versions(observed),
        baseline=question.baseline,
        baseline_where=where,
        baseline_digest=_digest(comparisons),
        comparisons=comparisons,
        assessment=assessment,
        verdict=verdict_of(assessment, policy, missing),
        policy=policy,
        undeclared=built.undeclared,
    )


def _resolved(choice: Choice, settings: RegressionSettings, project: Path) -> Choice:
    """Return the choice with a commit by its id, and with the project's number of runs where nothing else narrows."""
    if choice.commit is not None:
        choice = replace(choice, commit=commit_of(project, choice.commit) or choice.commit)
    narrowed = choice.names or choice.commit or choice.since or choice.until or choice.last
    return choice if narrowed else replace(choice, last=settings.candidate_runs)


def _built(
    view: LedgerView,
    question: Question,
    chosen: Chosen,
    observed: Observed,
    settings: RegressionSettings,
    registry: MetricRegistry,
    project: Path,
    files: accepted.AcceptedBaselines | None,
) -> tuple[Built, str]:
    """Return the comparisons, and in words what the candidates are held against."""
    words = question.baseline
    apart = Chosen(chosen.job, question.earlier_than or chosen.run_ids)
    expected = planned_before(view, apart)
    if files is not None:
        named = _named_runs(files, observed)
        known = observe(view, named, metrics=("probe_s",))
        differences = _differences(view, settings, known, observed)
        built = against_files(observed, files, known, differences, registry, expected=expected)
        return built, f"the baseline files of {files.where}"
    run_ids = tuple(name for name in _earlier(view, words, apart, settings, project) if name not in chosen.run_ids)
    earlier = observe(view, run_ids)
    differences = _differences(view, settings, earlier, observed)
    built = against_runs(observed, earlier, differences, registry, expected=expected)
    return built, f"{len(run_ids)} earlier runs ({words})"


def _earlier(
    view: LedgerView, words: BaselineWords, chosen: Chosen, settings: RegressionSettings, project: Path
) -> tuple[str, ...]:
    """Return the runs that a baseline of runs is made of."""
    if words.source == "last":
        return before(view, chosen, words.last or settings.baseline_runs)
    commit = (commit_of(project, words.name) or words.name) if words.source == "commit" else None
    return window(view, chosen, Choice(job=chosen.job, commit=commit, since=words.since, until=words.until))


def named_by_files(view: LedgerView, words: BaselineWords, run_ids: Sequence[str], project: Path) -> frozenset[str]:
    """Return the runs that the baseline files of what some runs made name; none where it is no baseline of files."""
    files = _files(words, project)
    return frozenset() if files is None else frozenset(_named_runs(files, observe(view, run_ids, metrics=("probe_s",))))


def _files(words: BaselineWords, project: Path) -> accepted.AcceptedBaselines | None:
    """Return the baseline files that are named, ``None`` where the baseline is made of runs."""
    if words.source == "ref":
        return accepted.from_ref(project, words.name)
    return _directory(words, project) if words.source == "files" else None


def _directory(words: BaselineWords, project: Path) -> accepted.AcceptedBaselines:
    if not words.name:
        return accepted.from_directory(project / accepted.DIRECTORY)
    directory = Path(words.name)
    if not directory.is_dir():
        message = f"there is no directory {words.name!r} with baselines; name one with files:DIR"
        raise ConfigurationError(message)
    return accepted.from_directory(directory, words.name)


def _named_runs(files: accepted.AcceptedBaselines, observed: Observed) -> set[str]:
    """Return the runs that the baselines of the candidates' assets name."""
    return {
        run.run_id
        for baseline in files_of(files, observed)
        for entry in baseline.metrics
        for _, one in entry.samples()
        for run in one.runs
    }


def files_of(files: accepted.AcceptedBaselines, observed: Observed) -> list[Baseline]:
    """Return the baselines of what runs made, for the machines that they ran on."""
    machines = sorted({machine.name for machine in observed.machines.values()})
    keys = {(asset, partition) for _, asset, partition in observed.circumstances}
    found = (files.of(key, machine) for key in sorted(keys, key=str) for machine in machines)
    return [baseline for baseline in found if baseline is not None]


def _differences(view: LedgerView, settings: RegressionSettings, *sides: Observed) -> Differences:
    """Return what tells differences between the runs of both sides."""
    machines = {digest: machine for observed in sides for digest, machine in observed.machines.items()}
    run_of: dict[str, str] = {}
    for observed in sides:
        for (run_id, _, _), one in sorted(observed.circumstances.items(), key=lambda item: str(item[0])):
            if one.config_digest is not None:
                run_of.setdefault(one.config_digest, run_id)
    return Differences(view, machines, settings.ignore_packages, run_of)


def _check_names(question: Question, built: Built, observed: Observed) -> None:
    """Raise where a filter names what is neither measured nor accepted: a typo must not look like a clean gate."""
    assets = {*(one.asset for one in built.comparisons), *(one.asset for one in observed.series)}
    metrics = {*(one.metric for one in built.comparisons), *(one.metric for one in observed.series)}
    for what, wanted, known in (("asset", question.assets, assets), ("metric", question.metrics, metrics)):
        for name in wanted:
            if name not in known:
                raise ConfigurationError(no_such(what, name, known, "in the runs or their baseline"))
    for pair in question.require:
        asset, colon, metric = pair.rpartition(PAIR)
        if not colon or not asset or not metric:
            message = f"{pair!r} is no asset:metric; give for instance enriched_companies:duration_s"
            raise ConfigurationError(message)


def _narrowed(comparisons: Sequence[Comparison], question: Question) -> list[Comparison]:
    return [
        one
        for one in comparisons
        if (not question.assets or one.asset in question.assets)
        and (not question.metrics or one.metric in question.metrics)
        and (not question.only or (one.asset, one.metric) in question.only)
        and (not question.partitions or one.partition in question.partitions)
    ]


def _required(
    comparisons: Sequence[Comparison], pairs: Sequence[str]
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Return the comparisons with those that are required marked, and the required ones that were not measured."""
    wanted = {tuple(pair.rpartition(PAIR)[::2]) for pair in pairs}
    measured = {(one.asset, one.metric) for one in comparisons if one.candidate.values}
    marked = tuple(replace(one, required=True) if (one.asset, one.metric) in wanted else one for one in comparisons)
    return marked, tuple(f"{asset} {metric}" for asset, metric in sorted(wanted - measured))


def _code_versions(observed: Observed) -> tuple[str, ...]:
    found = {one.code_version for one in observed.circumstances.values() if one.code_version is not None}
    return tuple(sorted(found))


def _digest(comparisons: Sequence[Comparison]) -> str:
    """Return a digest over what the candidates were held against."""

    def told(side: Observations | None) -> list[list[object]] | None:
        return None if side is None else [[*pair] for pair in sorted(zip(side.run_ids, side.values, strict=True))]

    text = canonical_json([[*one.key, told(one.baseline), told(one.anchor)] for one in comparisons])
    return hashlib.sha256(text.encode()).hexdigest()


_STATES: Final = {"regressed": 0, "not_comparable": 2, "inconclusive": 1, "improved": 3, "ok": 4}
_SEVERITIES: Final = {"critical": 0, "error": 1, "warning": 2, None: 3}


def _gravity(finding: Finding) -> tuple[int, int, int, float, str]:
    """Return a sorting key: regressed before undecided before well, the graver and the larger first."""
    return (
        _STATES[finding.state],
        _SEVERITIES[finding.severity],
        0 if finding.required else 1,
        -(finding.estimate or 0.0),
        name_of(finding),
    )


def known_jobs(view: LedgerView) -> tuple[str, ...]:
    """Return the jobs of which the ledger holds runs, sorted."""
    return tuple(sorted(set(standing(view).runs.column("job").drop_null().to_pylist())))
