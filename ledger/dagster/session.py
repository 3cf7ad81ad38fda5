"""What a process needs once to track any number of spans: settings, store, code version."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from ledger.dagster.step import LAUNCH_TAG
from ledger.errors import ConflictError, StoreError
from ledger.events import ConfigurationResolved, RunStarted, run_stream
from ledger.git import CodeState, code_state
from ledger.measure import run_probe
from ledger.metrics import Metric, MetricRegistry, with_declared
from ledger.service.project.locate import load_settings, project_directory, settings_digest
from ledger.service.recording.recorder import StreamRecorder
from ledger.settings import Resolved
from ledger.store import open_store
from ledger.store.memory import MemoryStore
from ledger.store.protocol import LedgerStore

PROBE_EVERY_S: Final = 10.0
"""A probe of 25 ms every ten seconds costs 0.25 % of one core."""


@dataclass(frozen=True, slots=True)
class Session:
    """A ledger to track into, and what is said of every span.

    Attributes:
        resolved: Settings and their sources.
        store: The ledger.
        registry: The metrics that may be recorded.
        code: Commit of the project, ``None`` outside a repository.
    """

    resolved: Resolved
    store: LedgerStore
    registry: MetricRegistry
    code: CodeState | None


@dataclass(slots=True)
class _Seen:
    """What this process has already done, so that it is done once."""

    runs: set[tuple[str, str]] = field(default_factory=set)
    probed_s: dict[str, float] = field(default_factory=dict)


_SEEN: Final = _Seen()


def open_session(
    ledger_uri: str | None = None, metrics: Iterable[Metric] = (), resolved: Resolved | None = None
) -> Session:
    """Return the session that holds here and now.

    Args:
        ledger_uri: Where the ledger is; found by ``ledger.service.project.locate`` when ``None``.
        metrics: Metrics the asset declares besides those of the configuration.
        resolved: Settings; found by ``ledger.service.project.locate`` when ``None``.

    Raises:
        ConfigurationError: The configuration, or a declared metric, is wrong.
        StoreError: The ledger cannot be made or opened.
    """
    resolved = resolved or load_settings()
    registry = with_declared((*resolved.settings.declared_metrics(), *metrics))
    uri = ledger_uri or resolved.settings.ledger_uri
    return Session(resolved, _store(uri), registry, _code(project_directory()))


def unrecorded_session(metrics: Iterable[Metric], resolved: Resolved) -> Session:
    """Return a session whose events go nowhere, for assets that must run although the ledger cannot be written."""
    registry = with_declared((*resolved.settings.declared_metrics(), *metrics))
    return Session(resolved, MemoryStore(), registry, _code(project_directory()))


def run_started(run: dg.DagsterRun, planned: tuple[str, ...]) -> RunStarted:
    """Return the event of a run's start, as Dagster's record of the run tells it."""
    return RunStarted(
        run_id=run.run_id,
        job=run.job_name,
        launcher="cli" if LAUNCH_TAG in run.tags else "dagster",
        planned_assets=planned,
        launch_id=run.tags.get(LAUNCH_TAG),
        tags={name: str(value) for name, value in run.tags.items()},
    )


def probe(run_id: str) -> float | None:
    """Return a fresh machine probe in seconds, ``None`` when this process took one for the run just now."""
    now = time.monotonic()
    if now - _SEEN.probed_s.get(run_id, float("-inf")) < PROBE_EVERY_S:
        return None
    _SEEN.probed_s = {run_id: now}
    return run_probe()


def open_run(session: Session, started: RunStarted, run_config: Mapping[str, object]) -> bool:
    """Append *started* and the configuration to the run's stream, unless somebody was first; return who was."""
    run_id = started.run_id or ""
    if (session.store.uri, run_id) in _SEEN.runs:
        return False
    resolved = session.resolved
    configuration = ConfigurationResolved(
        run_id=run_id,
        digest=settings_digest(resolved, dict(run_config)),
        values=resolved.shown(),
        sources=dict(resolved.sources),
    )
    recorder = StreamRecorder(session.store, run_stream(run_id), registry=session.registry)
    _SEEN.runs.add((session.store.uri, run_id))
    try:
        recorder.record(started, configuration)
    except ConflictError:
        return False  # Another step of the run, in another process, said it first.
    except StoreError:
        _SEEN.runs.discard((session.store.uri, run_id))
        raise
    return True


@cache
def _store(uri: str) -> LedgerStore:
    return open_store(uri, create=True)


@cache
def _code(directory: Path) -> CodeState | None:
    return code_state(directory)
