"""Gathers what the checklist is judged by: from one view of the ledger, and from one commit.

Rules:
- Files are those of the commit, never of the work tree; settings are those its files set, without variables or flags,
  so that nobody loosens a limit for the occasion.
- A run counts for a commit only where every asset of it recorded that commit, and no changes to it.
- Nothing recorded earlier is taken for an answer: the regression gate is asked again, of the same runs.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import yaml

from ledger.checklist.facts import (
    AlertFact,
    BaselineFact,
    CheckFact,
    GateFact,
    OverrideFact,
    RunFact,
    SmokeFact,
    TrendFact,
)
from ledger.errors import ConfigurationError, IntegrityError
from ledger.events import (
    AlertAcknowledged,
    AlertRaised,
    AssetLost,
    CheckEvaluated,
    ConfigurationResolved,
    GateOverridden,
    RecordedEvent,
    RunStarted,
    SmokeTested,
)
from ledger.events.codec import from_table
from ledger.git import files_at
from ledger.metrics import MetricRegistry
from ledger.projections import attempts
from ledger.projections.circumstances import circumstances
from ledger.service import accepted
from ledger.service.baseline_words import BaselineWords
from ledger.service.choosing import CONFIRMS_TAG, Choice, Chosen, planned_before
from ledger.service.history import Asked
from ledger.service.regression import Question, ask
from ledger.service.smoke import CASES_FILE
from ledger.service.standing import standing
from ledger.service.trending import trends_of
from ledger.settings import RegressionSettings, Settings, parse_yaml, resolve
from ledger.store.protocol import EventQuery, LedgerView
from ledger.verdict import name_of

_CONFIG: Final = "config"
_FROM_OUTSIDE: Final = ("--", "$")
_THRESHOLD: Final = "_threshold"
_TREND_RUNS: Final = 100


def settings_at(project: Path, commit: str, environment: str) -> Settings:
    """Return the settings that a commit's own files set for an environment.

    Raises:
        ConfigurationError: A file of the commit holds something wrong.
    """
    files = files_at(project, commit, _CONFIG) or {}
    named = [name for name in ("base.yaml", f"{environment}.yaml") if name in files]
    layers = [parse_yaml(files[name].decode("utf-8", "replace"), f"{commit[:12]}:{_CONFIG}/{name}") for name in named]
    return resolve(layers, {}, None).settings


def smoke_cases(project: Path, commit: str) -> tuple[str, ...]:
    """Return the smoke cases that a commit has, sorted; none where it has no file of them, or not a readable one."""
    files = files_at(project, commit, CASES_FILE.parent.as_posix()) or {}
    try:
        found = yaml.safe_load(files.get(CASES_FILE.name, b"{}"))
    except yaml.YAMLError:
        return ()
    return tuple(sorted(map(str, found))) if isinstance(found, dict) else ()


def smoke_facts(view: LedgerView, commit: str) -> tuple[SmokeFact, ...]:
    """Return the newest result of each smoke case on a commit."""
    newest: dict[str, SmokeFact] = {}
    for entry in _entries(view, EventQuery(kinds=("smoke_tested",))):
        event = entry.event
        if isinstance(event, SmokeTested) and event.code_version == commit:
            dirty = event.code_dirty is not False
            newest[event.case] = SmokeFact(event.case, event.status == "passed", dirty, _name(entry))
    return tuple(newest[case] for case in sorted(newest))


def run_facts(view: LedgerView, commit: str, job: str, settings: Settings) -> RunFact:
    """Return what the newest run of a job on a commit came to."""
    run_ids = runs_of(view, commit, job)
    before = frozenset(planned_before(view, Chosen(job, run_ids[-1:]))) if run_ids else frozenset()
    if not run_ids:
        return RunFact(job)
    run_id = run_ids[-1]
    row = standing(view).runs.filter(pc.equal(standing(view).runs.column("run_id"), run_id)).to_pylist()[0]
    table = view.read(standing(view).query_of(run_id))
    entries = list(from_table(table))
    planned = {name for entry in entries if isinstance(entry.event, RunStarted) for name in entry.event.planned_assets}
    made = attempts.attempts(table, with_outputs=True).to_pylist()
    configured = [entry.event for entry in entries if isinstance(entry.event, ConfigurationResolved)]
    return RunFact(
        job=job,
        run_id=run_id,
        status=row["status"],
        expected=tuple(sorted(planned | before)),
        made=tuple(sorted({one["asset"] for one in made if one["status"] == "success" and one["asset"]})),
        checks=_checks(entries, settings),
        configuration=configured[-1].digest if configured else None,
        overrides=_overrides(configured[-1]) if configured else (),
        lost=tuple(sorted({str(entry.event.asset) for entry in entries if isinstance(entry.event, AssetLost)})),
    )


def gate_fact(
    view: LedgerView, commit: str, job: str, settings: RegressionSettings, registry: MetricRegistry, project: Path
) -> GateFact:
    """Return what the regression gate says of the newest runs of a job on a commit, against the commit's baselines."""
    run_ids = tuple(name for name in runs_of(view, commit, job, only="success"))[-settings.candidate_runs :]
    if not run_ids:
        return GateFact(job, None, "there is no successful run on this commit")
    question = Question(
        candidate=Choice(job=job, names=run_ids),
        baseline=BaselineWords("ref", commit),
        require=tuple(settings.require),
    )
    try:
        answer = ask(view, question, settings, registry, project)
    except (ConfigurationError, IntegrityError) as error:
        return GateFact(job, None, " ".join(str(error).split()), run_ids=run_ids)
    findings = answer.assessment.findings
    return GateFact(
        job=job,
        outcome=answer.verdict.outcome,
        sentence=answer.verdict.sentence,
        judged=answer.verdict.judged,
        findings=len(findings),
        run_ids=answer.candidate_run_ids,
        baseline_digest=answer.baseline_digest,
        regressed=tuple(name_of(one) for one in answer.worst_first() if one.state == "regressed"),
    )


def baseline_facts(project: Path, commit: str) -> tuple[BaselineFact, ...]:
    """Return the baseline files of a commit, by path.

    Raises:
        ConfigurationError: A file is no baseline, or lies at the wrong place.
        IntegrityError: Its numbers were edited.
    """
    files = accepted.from_ref(project, commit)
    return tuple(
        BaselineFact(path, asset, hashlib.sha256(files.content[path]).hexdigest())
        for path, asset in files.assets().items()
    )


def alert_facts(view: LedgerView, run_ids: Iterable[str]) -> tuple[AlertFact, ...]:
    """Return the alerts of runs, each with the latest end of its acknowledgements."""
    wanted = tuple(sorted(set(run_ids)))
    until: dict[str, datetime] = {}
    for entry in _entries(view, EventQuery(kinds=("alert_acknowledged",))):
        if isinstance(entry.event, AlertAcknowledged):
            ends = datetime.fromisoformat(entry.event.expires)
            until[entry.event.alert_id] = max(ends, until.get(entry.event.alert_id, ends))
    found: dict[str, AlertFact] = {}
    for entry in _entries(view, EventQuery(kinds=("alert_raised",))) if wanted else ():
        event = entry.event
        if isinstance(event, AlertRaised) and event.run_id in wanted:
            told = AlertFact(
                event.alert_id, event.severity, event.asset, event.run_id, event.message, until.get(event.alert_id)
            )
            found.setdefault(event.alert_id, told)
    return tuple(found[name] for name in sorted(found))


def override_facts(view: LedgerView, at: datetime) -> tuple[OverrideFact, ...]:
    """Return the overrides of quality gates that hold at a moment."""
    return tuple(
        OverrideFact(str(event.asset), event.check, event.owner, event.reason, event.expires)
        for event in (entry.event for entry in _entries(view, EventQuery(kinds=("gate_overridden",))))
        if isinstance(event, GateOverridden) and event.holds_at(at)
    )


def trend_facts(view: LedgerView, jobs: Sequence[str], registry: MetricRegistry) -> tuple[TrendFact, ...]:
    """Return what is getting worse over the last hundred runs of each job."""
    known = set(standing(view).runs.column("job").drop_null().to_pylist())
    found = []
    for job in jobs:
        if job in known:
            report = trends_of(view, Asked(job=job, last=_TREND_RUNS), registry)
            found += [TrendFact(one.asset, one.metric, one.heading) for one in report.series if one.standing == "worse"]
    return tuple(sorted(found, key=lambda one: (one.asset, one.metric)))


def runs_of(view: LedgerView, commit: str, job: str, only: str | None = None) -> tuple[str, ...]:
    """Return the runs of a job on a commit and nothing else, in the order they began; not those of `confirm`."""
    known = standing(view).runs
    rows = known.filter(pc.fill_null(pc.equal(known.column("job"), job), fill_value=False))
    if only is not None:
        rows = rows.filter(pc.equal(rows.column("status"), only))
    if rows.num_rows == 0:
        return ()
    since = pc.min(rows.column("started")).as_py()
    told = view.read(EventQuery(kinds=("asset_started", "run_started"), since=since))
    began = circumstances(told)
    is_own = pc.and_(
        pc.fill_null(pc.equal(began.column("code_version"), commit), fill_value=False),
        pc.fill_null(pc.invert(began.column("code_dirty")), fill_value=False),
    )
    own = set(began.filter(is_own).column("run_id").to_pylist())
    others = set(began.filter(pc.invert(is_own)).column("run_id").to_pylist())
    confirming = {
        entry.event.run_id
        for entry in from_table(told.filter(pc.equal(told.column("kind"), "run_started")))
        if isinstance(entry.event, RunStarted) and CONFIRMS_TAG in entry.event.tags
    }
    return tuple(name for name in rows.column("run_id").to_pylist() if name in own - others - confirming)


def _checks(entries: Sequence[RecordedEvent], settings: Settings) -> tuple[CheckFact, ...]:
    newest: dict[tuple[str, str, str], CheckFact] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, CheckEvaluated):
            required = getattr(settings, f"{event.metric}{_THRESHOLD}", None) if event.metric else None
            newest[event.asset or "", event.partition or "", event.check] = CheckFact(
                asset=event.asset or "",
                check=event.check,
                passed=event.status == "passed",
                blocking=event.blocking is True,
                metric=event.metric,
                value=event.value,
                threshold=event.threshold,
                required=required,
                event=_name(entry),
            )
    return tuple(newest[key] for key in sorted(newest))


def _overrides(event: ConfigurationResolved) -> tuple[tuple[str, str, str], ...]:
    """Return the settings that came from a flag or a variable."""
    return tuple(
        (name, str(event.values.get(name)), source)
        for name, source in sorted(event.sources.items())
        if source.startswith(_FROM_OUTSIDE)
    )


def _entries(view: LedgerView, query: EventQuery) -> Iterable[RecordedEvent]:
    return from_table(view.read(query))


def _name(entry: RecordedEvent) -> str:
    """Return the name of an event: its stream and its place in it."""
    return f"{entry.stream}#{entry.seq}"
