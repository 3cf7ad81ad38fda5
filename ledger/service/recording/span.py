"""One attempt of one asset, from its start to its end, as events.

Rules:
- *Started* is durable before the work begins, so that a killed process leaves a trace.
- Everything measured is appended together with the end, in one batch: a reader never sees half a result.
- Progress is appended at once, at most every ``progress_every_s``, so that another process can watch.
- The span is dagster-free; ``ledger.dagster`` opens and closes it.
"""

import logging
import math
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypedDict

from ledger.errors import ConfigurationError, LedgerError, StoreError
from ledger.events import (
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    AssetFinished,
    AssetHeartbeat,
    AssetStarted,
    BreakdownMeasured,
    CheckEvaluated,
    EnvironmentRecorded,
    Event,
    Json,
    MetricMeasured,
    ProgressReported,
)
from ledger.measure import Measurement, Meter, current_process, environment
from ledger.metrics import lookup
from ledger.service.recording.recorder import StreamRecorder

_log = logging.getLogger(__name__)

_MESSAGE_CHARACTERS: Final = 4_000
_TRACEBACK_CHARACTERS: Final = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanHeader:
    """What is known when an attempt starts.

    Attributes:
        subject: Asset key joined by ``/``, or ``op:<step key>``.
        output_assets: Asset keys the span makes.
        run_id: Dagster run id.
        partition: Partition key.
        job: Job name.
        step_key: Dagster step key.
        code_version: Git commit.
        code_dirty: Whether tracked files differed from it.
        asset_code_version: Version the asset declares.
        config_digest: Digest of the resolved configuration.
    """

    subject: str
    output_assets: tuple[str, ...]
    run_id: str
    partition: str | None = None
    job: str | None = None
    step_key: str | None = None
    code_version: str | None = None
    code_dirty: bool | None = None
    asset_code_version: str | None = None
    config_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanOptions:
    """How a span measures: memory samples per second, seconds between heartbeats and between progress events."""

    sample_hz: float = 10.0
    heartbeat_s: float = 60.0
    progress_every_s: float = 2.0


class Place(TypedDict):
    """The header fields of an event."""

    asset: str
    partition: str | None
    run_id: str


class AssetSpan:
    """An open attempt; ``finish`` or ``fail`` closes it, once."""

    def __init__(self, recorder: StreamRecorder, header: SpanHeader, options: SpanOptions | None = None) -> None:
        """Prepare a span; nothing is appended yet.

        Args:
            recorder: Writer of the attempt's stream.
            header: What is known at the start.
            options: How to measure.
        """
        self.header: Final = header
        self._recorder: Final = recorder
        self._options: Final = options or SpanOptions()
        self._values: Final[dict[tuple[str, str], float]] = {}
        self._breakdowns: Final[dict[tuple[str, str], BreakdownMeasured]] = {}
        self._judgements: Final[list[Event]] = []
        self._context: Final[dict[str, Json]] = {}
        self._meter: Meter | None = None
        self._probe_s: float | None = None
        self._progress: ProgressReported | None = None
        self._progress_sent_s = float("-inf")
        self._ending = False
        self._closed = False

    def start(self, *, probe_s: float | None = None) -> None:
        """Append *started* with the environment, then start measuring.

        Args:
            probe_s: Machine probe that was just taken, if any.

        Raises:
            StoreError: The ledger cannot be written; no work should begin.
        """
        process, machine = current_process(), environment()
        header = self.header
        opening: list[Event] = [
            AssetStarted(
                **self.place(),
                output_assets=header.output_assets,
                job=header.job,
                step_key=header.step_key,
                host=process.host,
                boot_id=process.boot_id,
                pid=process.pid,
                pid_namespace=process.pid_namespace,
                pid_started_ticks=process.pid_started_ticks,
                code_version=header.code_version,
                code_dirty=header.code_dirty,
                asset_code_version=header.asset_code_version,
                config_digest=header.config_digest,
                environment_digest=machine.digest,
            ),
            EnvironmentRecorded(
                **self.place(),
                digest=machine.digest,
                machine_class=machine.machine_class,
                software=machine.software,
                host=machine.host,
            ),
        ]
        if probe_s is not None:
            opening.append(self._metric("probe_s", probe_s, header.subject))
            self._probe_s = probe_s
        self._recorder.record(*opening)
        self._meter = Meter.start(
            sample_hz=self._options.sample_hz, on_tick=self._heartbeat, tick_every_s=self._options.heartbeat_s
        )

    def measure(self, metric: str, value: float, *, asset: str | None = None) -> None:
        """Note one value of a declared metric; the last value noted wins.

        Args:
            metric: Declared name.
            value: In the metric's unit, finite.
            asset: Which output of a multi-asset it belongs to; the span's subject otherwise.

        Raises:
            ConfigurationError: The name is not declared, or the value is no finite number.
        """
        subject = asset or self.header.subject
        self._values[subject, self._metric(metric, value, subject).metric] = float(value)

    def breakdown(
        self, name: str, counts: Mapping[str, float], *, unit: str = "rows", asset: str | None = None
    ) -> None:
        """Note counts by class, for instance rows by identifier type; an empty mapping notes nothing."""
        if counts:
            subject = asset or self.header.subject
            numbers = {str(key): float(value) for key, value in counts.items()}
            self._breakdowns[subject, name] = BreakdownMeasured(
                **self.place(subject), metric=name, unit=unit, counts=numbers
            )

    def rows(self, *, rows_in: int | None = None, rows_out: int | None = None, asset: str | None = None) -> None:
        """Note how many rows were read and produced."""
        for metric, value in (("rows_in", rows_in), ("rows_out", rows_out)):
            if value is not None:
                self.measure(metric, float(value), asset=asset)

    def check(self, event: CheckEvaluated) -> None:
        """Note an evaluated check."""
        self._judgements.append(event)

    def alert(self, event: AlertRaised) -> None:
        """Note an alert; the same one is noted once."""
        if all(known.alert_id != event.alert_id for known in self.alerts()):
            self._judgements.append(event)

    def alerts(self) -> list[AlertRaised]:
        """Return the alerts noted so far."""
        return [event for event in self._judgements if isinstance(event, AlertRaised)]

    def blocked(self, event: AssetBlocked) -> None:
        """Note that an asset is not made because of a closed gate."""
        self._judgements.append(event)

    def checks(self) -> list[CheckEvaluated]:
        """Return the checks noted so far."""
        return [event for event in self._judgements if isinstance(event, CheckEvaluated)]

    @property
    def is_paused(self) -> bool:
        """Whether somebody else is at work just now, so that nothing is measured."""
        return self._meter is not None and self._meter.is_paused

    def subjects(self) -> tuple[str, ...]:
        """Return the assets that something was noted for, sorted."""
        return tuple(sorted({subject for subject, _ in self._values}))

    def context(self, **known: Json) -> None:
        """Note what a reader of a failure will want to know: the row range, a file, a log location."""
        self._context.update(known)

    def progress(self, done_rows: float, total_rows: float | None = None, eta_s: float | None = None) -> None:
        """Report how far the work has come; appended at most every ``progress_every_s`` seconds."""
        self._progress = ProgressReported(**self.place(), value=float(done_rows), total=total_rows, eta_s=eta_s)
        now = time.monotonic()
        if now - self._progress_sent_s >= self._options.progress_every_s and not self._closed:
            self._progress_sent_s = now
            self.record(self._progress)

    def record(self, *events: Event) -> None:
        """Append events of this span at once, so that another process can watch; what waits is sent with the next."""
        if self._closed:
            return
        try:
            self._recorder.record(*events)
        except StoreError:
            # Not worth the asset's work: the batch is sent again with the next one, and the end tells if it cannot.
            _log.warning("events of %s could not be recorded", self.header.subject, exc_info=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Measure nothing inside the block: somebody else works there, for instance on what a generator yielded."""
        if self._meter is not None:
            self._meter.pause()
        yield
        # Not in a ``finally``: a generator that is closed at its ``yield`` did no more work.
        if self._meter is not None:
            self._meter.resume()

    def lap(self) -> dict[str, float]:
        """Return what has been noted and measured for the span's subject so far: metric name to value."""
        if self._meter is not None:
            self._note_measured(self._meter.lap())
        return self.noted(self.header.subject)

    def noted(self, asset: str) -> dict[str, float]:
        """Return what has been noted for one asset: metric name to value."""
        return {metric: value for (subject, metric), value in self._values.items() if subject == asset}

    def stop(self, *, probe_s: float | None = None) -> Measurement:
        """Stop measuring and note the measurements; call before ``finish`` or ``fail``.

        Args:
            probe_s: Machine probe that was just taken, if any.
        """
        if self._meter is None:
            message = f"the span of {self.header.subject!r} was not started; call start() first"
            raise LedgerError(message)
        measured = self._meter.stop()
        self._note_measured(measured)
        if probe_s is not None:
            # Of a probe at both ends the slower one is kept: it is the one that explains a slow span.
            self._note("probe_s", max(probe_s, self._probe_s or 0.0))
        return measured

    def finish(self, measured: Measurement) -> None:
        """Append everything noted and *finished*; a second call changes nothing."""
        end = AssetFinished(**self.place(), peak_method=measured.peak_method, sample_hz=measured.sample_hz)
        self._close(end)

    def fail(self, measured: Measurement, error: BaseException, *, status: str = "failed") -> None:
        """Append everything noted and *failed* with the context of the error; a second call changes nothing."""
        formatted = "".join(traceback.format_exception(error))
        end = AssetFailed(
            **self.place(),
            status=status,
            error_type=f"{type(error).__module__}.{type(error).__qualname__}",
            error_message=str(error)[:_MESSAGE_CHARACTERS],
            traceback=formatted[-_TRACEBACK_CHARACTERS:],
            context=dict(self._context),
            peak_method=measured.peak_method,
        )
        self._close(end)

    def _close(self, end: Event) -> None:
        """Append the last batch."""
        if self._closed:
            return
        if self._recorder.resend() and self._ending:
            self._closed = True  # What waited was the end, which the ledger refused at first.
            return
        self._ending = True
        events: list[Event] = [
            self._metric(metric, value, subject) for (subject, metric), value in sorted(self._values.items())
        ]
        events += [breakdown for _, breakdown in sorted(self._breakdowns.items())]
        events += self._judgements
        if self._progress is not None:
            events.append(self._progress)
        self._recorder.record(*events, end)
        self._closed = True

    def _note(self, metric: str, value: float | None) -> None:
        """Note a measurement of the span itself unless it is absent."""
        if value is not None:
            self._values[self.header.subject, metric] = float(value)

    def _note_measured(self, measured: Measurement) -> None:
        """Note what the meter says."""
        self._note("duration_s", measured.duration_s)
        self._note("cpu_s", measured.cpu_s)
        self._note("start_rss_bytes", measured.start_rss_bytes)
        self._note("peak_rss_bytes", measured.peak_rss_bytes)
        self._note("peak_increase_bytes", measured.peak_increase_bytes)
        self._note("children_peak_rss_bytes", measured.children_peak_rss_bytes)
        self._note("metering_cpu_s", measured.metering_cpu_s)
        self._note("append_s", self._recorder.append_s)
        self._note_rate(measured.duration_s)

    def _note_rate(self, duration_s: float) -> None:
        """Note records per second wherever rows are known; reading counts where nothing says what was produced."""
        values = self.noted(self.header.subject)
        rows = values.get("rows_in", values.get("rows_out"))
        if rows is not None and duration_s > 0.0:
            self._note("records_per_s", rows / duration_s)

    def _heartbeat(self, elapsed_s: float, rss_bytes: int) -> None:
        """Append a sign of life; runs in the sampler's thread."""
        if not self._closed:
            self._recorder.record(AssetHeartbeat(**self.place(), elapsed_s=elapsed_s, rss_bytes=rss_bytes))

    def _metric(self, metric: str, value: float, asset: str) -> MetricMeasured:
        """Return the event of one value, its unit taken from the registry."""
        declared = lookup(self._recorder.registry, metric)
        number = float(value)
        if not math.isfinite(number):
            message = f"metric {metric!r} of {asset!r} is {number!r}; measure finite numbers, and nothing where none is"
            raise ConfigurationError(message)
        return MetricMeasured(**self.place(asset), metric=metric, value=number, unit=declared.unit)

    def place(self, asset: str | None = None) -> Place:
        """Return the header fields of an event of this span, about one of its assets."""
        return {
            "asset": asset or self.header.subject,
            "partition": self.header.partition,
            "run_id": self.header.run_id,
        }
