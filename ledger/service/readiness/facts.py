"""Gathers what the checklist is judged by: from the files of one commit, and from what people and cases said of it.

Rules:
- Files are those of the commit, never of the work tree; settings are those its files set, without variables or flags,
  so that nobody loosens a limit for the occasion.
- What the runs of the commit came to is gathered in ``readiness_runs``.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import yaml

from ledger.checklist.facts import AlertFact, BaselineFact, OverrideFact, SmokeFact, TrendFact
from ledger.events import AlertAcknowledged, AlertRaised, GateOverridden, RecordedEvent, SmokeTested
from ledger.events.codec import from_table
from ledger.git import files_at
from ledger.metrics import MetricRegistry
from ledger.service.baselines import accepted
from ledger.service.project.smoke import CASES_FILE
from ledger.service.reading.standing import standing
from ledger.service.trends.history import Asked
from ledger.service.trends.trending import trends_of
from ledger.settings import Settings, parse_yaml, resolve
from ledger.store.protocol import EventQuery, LedgerView

_CONFIG: Final = "config"
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


def smoke_files(project: Path, commit: str) -> dict[str, bytes]:
    """Return the file of smoke cases and all that lies beside it, as a commit has them, by path from the project."""
    below = CASES_FILE.parent.as_posix()
    return {f"{below}/{path}": data for path, data in sorted((files_at(project, commit, below) or {}).items())}


def smoke_cases(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the smoke cases that files have, sorted; none where there is no file of them, or not a readable one."""
    try:
        found = yaml.safe_load(files.get(CASES_FILE.as_posix(), b"{}"))
    except (yaml.YAMLError, ValueError):
        return ()
    return tuple(sorted(map(str, found))) if isinstance(found, dict) else ()


def smoke_facts(view: LedgerView, commit: str) -> tuple[SmokeFact, ...]:
    """Return the newest result of each smoke case on a commit."""
    newest: dict[str, SmokeFact] = {}
    for entry in _entries(view, EventQuery(kinds=("smoke_tested",))):
        event = entry.event
        if isinstance(event, SmokeTested) and event.code_version == commit:
            dirty = event.code_dirty is not False
            newest[event.case] = SmokeFact(event.case, event.status == "passed", dirty, event_id(entry))
    return tuple(newest[case] for case in sorted(newest))


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
    """Return the alerts of runs, each with the acknowledgement that ends last."""
    wanted = frozenset(run_ids)
    noted: dict[str, tuple[datetime, AlertAcknowledged, str]] = {}
    for entry in _entries(view, EventQuery(kinds=("alert_acknowledged",))):
        event = entry.event
        if isinstance(event, AlertAcknowledged):
            ends = datetime.fromisoformat(event.expires)
            if event.alert_id not in noted or noted[event.alert_id][0] <= ends:
                noted[event.alert_id] = (ends, event, event_id(entry))
    found: dict[str, AlertFact] = {}
    for entry in _entries(view, EventQuery(kinds=("alert_raised",))) if wanted else ():
        event = entry.event
        if isinstance(event, AlertRaised) and event.run_id in wanted:
            found.setdefault(event.alert_id, _alert(entry, event, noted.get(event.alert_id)))
    return tuple(found[name] for name in sorted(found))


def _alert(
    entry: RecordedEvent, event: AlertRaised, noted: tuple[datetime, AlertAcknowledged, str] | None
) -> AlertFact:
    return AlertFact(
        alert_id=event.alert_id,
        severity=event.severity,
        asset=event.asset,
        run_id=str(event.run_id),
        message=event.message,
        event=event_id(entry),
        acknowledged_until=None if noted is None else noted[0],
        owner=None if noted is None else noted[1].owner,
        reason=None if noted is None else noted[1].reason,
        acknowledged=None if noted is None else noted[2],
    )


def override_facts(view: LedgerView, at: datetime) -> tuple[OverrideFact, ...]:
    """Return the overrides of quality gates that hold at a moment."""
    return tuple(
        OverrideFact(str(event.asset), event.check, event.owner, event.reason, event.expires, event_id(entry))
        for entry in _entries(view, EventQuery(kinds=("gate_overridden",)))
        if isinstance(event := entry.event, GateOverridden) and event.holds_at(at)
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


def _entries(view: LedgerView, query: EventQuery) -> Iterable[RecordedEvent]:
    return from_table(view.read(query))


def event_id(entry: RecordedEvent) -> str:
    """Return the name of an event: its stream and its place in it."""
    return f"{entry.stream}#{entry.seq}"
