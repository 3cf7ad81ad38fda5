"""Opens and closes the span of the step that runs now.

Rules:
- The span is found by run, step and attempt, not by a context variable: async generators change those under our feet.
- Tracking inside tracking is one span: the inner call finds the outer span and adds nothing.
- The exception of an asset is raised again as it was. When the ledger cannot be written, ``on_ledger_error`` decides:
  ``fail`` stops the step before its work begins, ``warn`` says so and lets the asset go on unrecorded.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from ledger.dagster.results import Outcome
from ledger.dagster.session import Session, open_run, open_session, probe
from ledger.dagster.step import LAUNCH_TAG, Step, asset_code_version, current_step, planned_assets, will_retry
from ledger.errors import ConfigurationError, LedgerError
from ledger.events import RunStarted, asset_stream
from ledger.metrics import Metric
from ledger.service.locate import settings_digest
from ledger.service.recorder import StreamRecorder
from ledger.service.span import AssetSpan, SpanHeader, SpanOptions
from ledger.store.memory import MemoryStore

_OPEN: Final[dict[tuple[str, str, int], AssetSpan]] = {}


def current_span() -> AssetSpan:
    """Return the span of the step that runs now.

    Raises:
        ConfigurationError: No tracked asset is running here; a thread of your own must be given the span.
    """
    step = current_step()
    span = _OPEN.get(step.key) if step else None
    if span is None:
        message = (
            "there is no tracked asset here; put @tracked under @asset, and hand the span to threads you start yourself"
        )
        raise ConfigurationError(message)
    return span


@contextmanager
def tracked_span(*, ledger_uri: str | None = None, metrics: Iterable[Metric] = ()) -> Iterator[Outcome | None]:
    """Track the step that runs now; give ``None`` where nothing is to be tracked.

    Nothing is tracked outside of a run (an asset called directly by a unit test), and inside a span already open.

    Args:
        ledger_uri: Where the ledger is; by flag, environment, configuration or default when ``None``.
        metrics: Metrics the asset declares.

    Raises:
        LedgerError: The ledger cannot be written and ``on_ledger_error`` is ``fail``.
    """
    step = current_step()
    if step is None or step.key in _OPEN:
        yield None
        return
    session, span = _open(step, ledger_uri, metrics)
    _OPEN[step.key] = span
    outcome = Outcome(step, span)
    try:
        yield outcome
    except BaseException as error:
        del _OPEN[step.key]
        _fail(outcome, error)
        raise
    else:
        del _OPEN[step.key]
        _finish(outcome, session)


def _open(step: Step, ledger_uri: str | None, metrics: Iterable[Metric]) -> tuple[Session, AssetSpan]:
    """Return a started span; where the ledger refuses and only a warning is wanted, one that records nowhere."""
    session = None
    try:
        session = open_session(ledger_uri, metrics)
        run = step.context.run
        started = RunStarted(
            run_id=step.run_id,
            job=run.job_name,
            launcher="cli" if LAUNCH_TAG in run.tags else "dagster",
            planned_assets=planned_assets(step.context),
            launch_id=run.tags.get(LAUNCH_TAG),
            tags={name: str(value) for name, value in run.tags.items()},
        )
        open_run(session, started, dict(run.run_config))
        span = _span(step, session)
        span.start(probe_s=probe(step.run_id))
    except LedgerError as error:
        if session is None or session.resolved.settings.on_ledger_error == "fail":
            raise
        step.context.log.warning("dagster-ledger: not recorded: %s", error)
        session = Session(session.resolved, MemoryStore(), session.registry, session.code)
        span = _span(step, session)
        span.start()
    return session, span


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


def _finish(outcome: Outcome, session: Session) -> None:
    """Append the end of a span that went well."""
    try:
        outcome.span.finish(outcome.span.stop(probe_s=probe(outcome.step.run_id)))
    except LedgerError as error:
        if session.resolved.settings.on_ledger_error == "fail":
            raise
        outcome.step.context.log.warning("dagster-ledger: not recorded: %s", error)


def _fail(outcome: Outcome, error: BaseException) -> None:
    """Append the end of a span that raised; what goes wrong meanwhile must not hide why the asset failed."""
    step = outcome.step
    if isinstance(error, dg.DagsterExecutionInterruptedError | KeyboardInterrupt | GeneratorExit):
        status = "canceled"
    else:
        status = "retrying" if will_retry(step, error) else "failed"
    try:
        measured = outcome.span.stop(probe_s=None)
        outcome.span.fail(measured, error, status=status)
        outcome.observe(outcome.span.noted(step.subject))
    except LedgerError as problem:
        step.context.log.error(f"dagster-ledger: the failure was not recorded: {problem}")  # noqa: G004, TRY400 - one sentence
