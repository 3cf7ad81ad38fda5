"""Opens and closes the span of the step that runs now.

Rules:
- The span is found by run, step and attempt, not by a context variable: async generators change those under our feet.
- Tracking inside tracking is one span: the inner call finds the outer span and adds nothing.
- The exception of an asset is raised again as it was. When the ledger cannot be written, ``on_ledger_error`` decides:
  ``fail`` stops the step before its work begins, ``warn`` says so and lets the asset go on unrecorded.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from typing import Final

import dagster as dg

from ledger.dagster.alerts import raise_alerts, tell, timeout_alert
from ledger.dagster.checks import plain_json
from ledger.dagster.guard import GateClosed, blocked_events, closed_gates, refusal
from ledger.dagster.interrupts import interrupts_held_back
from ledger.dagster.resource import resource_uri
from ledger.dagster.results import Outcome
from ledger.dagster.run_settings import settings_of, tell_overrides
from ledger.dagster.session import Session, open_run, open_session, probe, run_started, unrecorded_session
from ledger.dagster.step import LOG_TAG, AnyContext, Step, asset_code_version, current_step, planned_assets, will_retry
from ledger.errors import ConfigurationError, LedgerError, StoreError
from ledger.events import asset_stream
from ledger.measure.deadline import time_limit
from ledger.metrics import Metric
from ledger.service.project.locate import settings_digest
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.recording.span import AssetSpan, SpanHeader, SpanOptions
from ledger.service.recording.upkeep import after_step
from ledger.settings import Settings

_OPEN: Final[dict[tuple[str, str, int], "_Opened"]] = {}


def current_span() -> AssetSpan:
    """Return the span of the step that runs now.

    Raises:
        ConfigurationError: No tracked asset is running here; a thread of your own must be given the span.
    """
    step = current_step()
    opened = _OPEN.get(step.key) if step else None
    if opened is None:
        message = (
            "there is no tracked asset here; put @tracked under @asset, and hand the span to threads you start yourself"
        )
        raise ConfigurationError(message)
    return opened.outcome.span


def current_settings(context: AnyContext | None = None) -> Settings:
    """Return the settings that hold here: those of the run inside of one, else of environment, files and defaults.

    Args:
        context: Dagster's context; needed only in threads that Dagster did not start.

    Raises:
        ConfigurationError: A layer holds something wrong.
    """
    step = current_step(context)
    if step is None:
        return settings_of({}).settings
    opened = _OPEN.get(step.key)
    return opened.settings if opened else settings_of(step.context.run.tags).settings


def close_abandoned(run_id: str | None = None) -> None:
    """Close what Dagster left open in this process: generators it stopped asking, as it could not store a result.

    Python closes such a generator only when it collects garbage, which may be never.

    Args:
        run_id: Only spans of this run and this thread; all of the process when ``None``.
    """
    thread = threading.get_ident()
    for key, opened in tuple(_OPEN.items()):
        if run_id is None or (opened.step.run_id == run_id and opened.thread == thread):
            _leave(key, opened, GeneratorExit())


@contextmanager
def tracked_span(
    context: AnyContext | None = None, *, ledger_uri: str | None = None, metrics: Iterable[Metric] = ()
) -> Iterator[Outcome | None]:
    """Track the step that runs now; give ``None`` where nothing is to be tracked.

    Nothing is tracked outside of a run (an asset called directly by a unit test), and inside a span already open.

    Args:
        context: Dagster's context; needed only in threads that Dagster did not start.
        ledger_uri: Where the ledger is; by resource, flag, environment, configuration or default when ``None``.
        metrics: Metrics the asset declares.

    Raises:
        LedgerError: The ledger cannot be written and ``on_ledger_error`` is ``fail``.
    """
    step = current_step(context)
    if step is None or step.key in _OPEN:
        yield None
        return
    close_abandoned(step.run_id)
    opened = _open(step, ledger_uri or resource_uri(step.context), metrics)
    _OPEN[step.key] = opened
    _close_at_exit(os.getpid())
    try:
        _refuse_behind_gates(opened)
        with time_limit(opened.settings.timeout_seconds, lambda: opened.outcome.span.is_paused):
            yield opened.outcome
    except BaseException as error:
        _leave(step.key, opened, error)
        raise
    else:
        _leave(step.key, opened, None)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A started span, what it was started with, and who opened it."""

    outcome: Outcome
    session: Session
    pid: int
    thread: int

    @property
    def settings(self) -> Settings:
        """The settings that hold for it."""
        return self.session.resolved.settings

    @property
    def only_warn(self) -> bool:
        """Whether a ledger that refuses is no reason to fail."""
        return self.settings.on_ledger_error == "warn"

    @property
    def step(self) -> Step:
        """The step whose span it is."""
        return self.outcome.step


def _leave(key: tuple[str, str, int], opened: _Opened, error: BaseException | None) -> None:
    """Close a span, once, and only in the process that opened it: a fork that inherited it has no say."""
    if _OPEN.pop(key, None) is None or opened.pid != os.getpid():
        return
    if error is None:
        _finish(opened)
        return
    with interrupts_held_back():
        _fail(opened, error)


@cache
def _close_at_exit(pid: int) -> None:
    """Have what is still open closed when this process ends, be it a step's process of the multiprocess executor."""
    Finalize(None, _close_if_mine, args=(pid,), exitpriority=10)


def _close_if_mine(pid: int) -> None:
    if pid == os.getpid():
        close_abandoned()


def _open(step: Step, ledger_uri: str | None, metrics: Iterable[Metric]) -> _Opened:
    """Return a started span; where the ledger refuses and only a warning is wanted, one that records nowhere."""
    resolved = settings_of(step.context.run.tags)
    try:
        session = open_session(ledger_uri, metrics, resolved)
        run = step.context.run
        if open_run(session, run_started(run, planned_assets(step.context)), run.run_config):
            tell_overrides(step.context, resolved)
        span = _span(step, session)
        span.start(probe_s=probe(step.run_id))
    except LedgerError as error:
        if resolved.settings.on_ledger_error == "fail":
            raise
        step.context.log.warning("dagster-ledger: not recorded: %s", error)
        session = unrecorded_session(metrics, resolved)
        span = _span(step, session)
        span.start()
    outcome = Outcome(step, span, resolved.settings.report_url)
    return _Opened(outcome, session, os.getpid(), threading.get_ident())


def _span(step: Step, session: Session) -> AssetSpan:
    """Return the span of a step, not yet started."""
    settings = session.resolved.settings
    header = SpanHeader(
        subject=step.subject,
        output_assets=step.output_assets,
        run_id=step.run_id,
        partition=step.partition,
        job=step.context.run.job_name,
        step_key=step.step_key,
        code_version=session.code.commit if session.code else None,
        code_dirty=session.code.dirty if session.code else None,
        asset_code_version=asset_code_version(step),
        config_digest=settings_digest(session.resolved, dict(step.context.run.run_config)),
    )
    stream = asset_stream(step.subject, step.run_id, step.partition, step.attempt)
    recorder = StreamRecorder(session.store, stream, registry=session.registry)
    options = SpanOptions(
        sample_hz=settings.memory_sample_hz,
        heartbeat_s=settings.heartbeat_s,
        progress_every_s=settings.progress_every_s,
    )
    return AssetSpan(recorder, header, options)


def _refuse_behind_gates(opened: _Opened) -> None:
    """Raise where a gate before the step's assets is closed, and note what is not made because of it."""
    try:
        closed = closed_gates(opened.step, opened.session.store)
    except StoreError as error:
        if not opened.only_warn:
            raise
        opened.step.context.log.warning("dagster-ledger: gates were not looked up: %s", error)
        return
    for event in blocked_events(opened.step, closed):
        opened.outcome.span.blocked(event)
    if closed:
        raise refusal(closed)


def _finish(opened: _Opened) -> None:
    """Append the end of a span that went well."""
    step, span = opened.step, opened.outcome.span
    span.stop()
    try:
        with interrupts_held_back():
            measured = span.stop(probe_s=probe(step.run_id))
            raise_alerts(span, opened.settings, opened.session.registry)
            span.finish(measured)
            tell(step, span.alerts())
        # Outside: it may compact the ledger, which takes its time and can be taken up by the next.
        after_step(opened.session.store, opened.settings)
    except LedgerError as error:
        if not opened.only_warn:
            raise
        step.context.log.warning("dagster-ledger: not recorded: %s", error)


def _fail(opened: _Opened, error: BaseException) -> None:
    """Append the end of a span that raised; what goes wrong meanwhile must not hide why the asset failed."""
    step, span = opened.step, opened.outcome.span
    try:
        measured = span.stop()
        if LOG_TAG in step.context.run.tags:
            span.context(log=step.context.run.tags[LOG_TAG])
        timeout_alert(span, opened.settings, error)
        raise_alerts(span, opened.settings, opened.session.registry, failed=True)
        if isinstance(error, dg.Failure):
            span.context(**{name: plain_json(entry) for name, entry in error.metadata.items()})
        if isinstance(error, GeneratorExit):
            span.context(closed="Dagster stopped taking results, for instance because it could not store one")
        span.fail(measured, error, status=_status(step, error))
        opened.outcome.observe()
        tell(step, span.alerts())
    except Exception as problem:  # noqa: BLE001 - the asset's own exception is the one to be seen
        step.context.log.error(f"dagster-ledger: the failure was not recorded: {problem}")  # noqa: G004, TRY400 - one sentence


def _status(step: Step, error: BaseException) -> str:
    """Return what an exception makes of an attempt."""
    if isinstance(error, dg.DagsterExecutionInterruptedError | KeyboardInterrupt | GeneratorExit):
        return "canceled"
    if isinstance(error, GateClosed):
        return "blocked"
    return "retrying" if will_retry(step, error) else "failed"
