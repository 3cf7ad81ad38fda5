"""Gathers what the runs of a commit came to, and what the regression gate says of them.

Rules:
- A run counts for a commit only where every asset of it recorded that commit, and no changes to it.
- Nothing recorded earlier is taken for an answer: the regression gate is asked again, of the newest runs, with the
  baselines and the settings of the commit. That somebody asked it before is told beside it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from ledger.checklist.facts import CheckFact, GateFact, RunFact
from ledger.errors import ConfigurationError, IntegrityError
from ledger.events import AssetLost, CheckEvaluated, ConfigurationResolved, RecordedEvent, RunStarted, VerdictReached
from ledger.events.codec import from_table
from ledger.metrics import MetricRegistry
from ledger.projections import attempts
from ledger.projections.circumstances import circumstances
from ledger.service.baselines import accepted
from ledger.service.gate.baseline_words import BaselineWords
from ledger.service.gate.regression import Answer, Question, ask, files_of
from ledger.service.readiness.facts import event_id
from ledger.service.reading.choosing import CONFIRMS_TAG, Choice, Chosen, planned_before
from ledger.service.reading.observing import observe
from ledger.service.reading.standing import standing
from ledger.settings import RegressionSettings, Settings
from ledger.store.protocol import EventQuery, LedgerView
from ledger.verdict import name_of

READY_CHECK: Final = "ready"
"""Name of the asset check that asks the checklist; were it one of the checks it asks for, it could never pass again."""

_FROM_OUTSIDE: Final = ("--", "$")
_THRESHOLD: Final = "_threshold"


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
    configured = [(event_id(entry), entry.event) for entry in entries if isinstance(entry.event, ConfigurationResolved)]
    return RunFact(
        job=job,
        run_id=run_id,
        status=row["status"],
        expected=tuple(sorted(planned | before)),
        made=tuple(sorted({one["asset"] for one in made if one["status"] == "success" and one["asset"]})),
        checks=_checks(entries, settings),
        configuration=configured[-1][1].digest if configured else None,
        configuration_event=configured[-1][0] if configured else None,
        overrides=_overrides(configured[-1][1]) if configured else (),
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
        anchors=_anchors(view, run_ids, project, commit),
        anchored=sum(one.anchor is not None for one in answer.comparisons),
        verdict=_recorded(view, answer),
    )


def _recorded(view: LedgerView, answer: Answer) -> str | None:
    """Return the event of the newest verdict on the same baseline and the newest run."""
    found = None
    for entry in from_table(view.read(EventQuery(kinds=("verdict_reached",)))):
        event = entry.event
        if (
            isinstance(event, VerdictReached)
            and event.confirms is None
            and answer.candidate_run_ids[-1] in event.candidate_run_ids
            and event.baseline_digest == answer.baseline_digest
        ):
            found = event_id(entry)
    return found


def _anchors(view: LedgerView, run_ids: Sequence[str], project: Path, commit: str) -> int:
    """Return how many metrics of what runs made have an anchor in the files of the commit."""
    files = accepted.from_ref(project, commit)
    baselines = files_of(files, observe(view, run_ids, metrics=("probe_s",)))
    return sum(entry.anchor is not None for baseline in baselines for entry in baseline.metrics)


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
        if isinstance(event, CheckEvaluated) and event.check != READY_CHECK:
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
                event=event_id(entry),
                grave=event.severity == "error",
            )
    return tuple(newest[key] for key in sorted(newest))


def _overrides(event: ConfigurationResolved) -> tuple[tuple[str, str, str], ...]:
    """Return the settings that came from a flag or a variable."""
    return tuple(
        (name, str(event.values.get(name)), source)
        for name, source in sorted(event.sources.items())
        if source.startswith(_FROM_OUTSIDE)
    )
