"""Shows a running pipeline from the ledger's own events: bars on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ledger.events import ProgressReported, RecordedEvent

_PROGRESS_EVERY_S: Final = 10.0


class Display(Protocol):
    """What is told of a run while it goes on."""

    def show(self, entry: "RecordedEvent") -> None:
        """Take note of one event."""

    def close(self) -> None:
        """End the display, whatever happened."""


def open_display(*, quiet: bool) -> Display:
    """Return bars where the error stream is a terminal, plain lines where not, nothing when quiet."""
    if quiet:
        return _Silent()
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Silent:
    """Tells nothing."""

    def show(self, entry: "RecordedEvent") -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Figures:
    """Collects the metrics that come with the end of an attempt, to say them in one line."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], dict[str, float]] = {}

    def line(self, entry: "RecordedEvent") -> str | None:
        """Return the line to print for an event, ``None`` for those that need none."""
        from ledger.events import AssetFailed, AssetFinished, AssetLost, AssetStarted, MetricMeasured
        from ledger.report.text import printable

        event = entry.event
        if isinstance(event, MetricMeasured):
            self._values.setdefault((entry.stream, event.asset or ""), {})[event.metric] = event.value
            return None
        if not isinstance(event, AssetStarted | AssetFinished | AssetFailed | AssetLost):
            return None
        word = "started" if isinstance(event, AssetStarted) else event.status.replace("success", "finished")
        name = printable(event.asset or "", 60)
        if event.partition:
            name += f" [{printable(event.partition, 30)}]"
        said = self._said(entry.stream, event.asset or "")
        if isinstance(event, AssetFailed):
            said = f"{event.error_type.removeprefix('builtins.')}: {printable(event.error_message, 160)}"
        if isinstance(event, AssetLost):
            said = printable(event.reason, 160)
        when = entry.ts.astimezone().strftime("%H:%M:%S")
        return f"{when}  {word:8}  {name:28}  {said}".rstrip()

    def _said(self, stream: str, asset: str) -> str:
        """Return the main figures of an attempt that ended."""
        from ledger.units import format_bytes, format_seconds

        values = self._values.get((stream, asset), {})
        parts = []
        if "duration_s" in values:
            parts.append(format_seconds(values["duration_s"]))
        if "peak_rss_bytes" in values:
            parts.append(f"peak {format_bytes(values['peak_rss_bytes'])}")
        if "rows_out" in values:
            parts.append(f"{values['rows_out']:,.0f} rows")
        if "records_per_s" in values:
            parts.append(f"{values['records_per_s']:,.0f}/s")
        return ", ".join(parts)


def _how_far(event: "ProgressReported") -> str:
    """Return rows done and to do, as people read them."""
    return f"{event.value:,.0f} rows" if event.total is None else f"{event.value:,.0f}/{event.total:,.0f} rows"


def _left(event: "ProgressReported") -> str:
    """Return the time left, as the run itself estimates it; nothing where it does not."""
    from ledger.units import format_seconds

    return "" if event.eta_s is None else f"about {format_seconds(event.eta_s)} left"


class _Lines:
    """One line per start and end, and per attempt that is under way every ten seconds."""

    def __init__(self) -> None:
        self._figures = _Figures()
        self._told_s: dict[str, float] = {}

    def show(self, entry: "RecordedEvent") -> None:
        """Print the line of an event."""
        from ledger.events import ProgressReported

        line = self._figures.line(entry)
        event = entry.event
        if isinstance(event, ProgressReported) and event.value != event.total and self._is_due(entry.stream):
            line = self._progress(entry, event)
        if line is not None:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Nothing is left open."""

    def _is_due(self, stream: str) -> bool:
        """Return whether an attempt's progress is to be told, then it counts as told; the first is told at once."""
        now_s = time.monotonic()
        if now_s - self._told_s.get(stream, float("-inf")) < _PROGRESS_EVERY_S:
            return False
        self._told_s[stream] = now_s
        return True

    def _progress(self, entry: "RecordedEvent", event: "ProgressReported") -> str:
        """Return the line of an attempt's progress."""
        from ledger.report.text import printable

        when = entry.ts.astimezone().strftime("%H:%M:%S")
        said = ", ".join(part for part in (_how_far(event), _left(event)) if part)
        return f"{when}  {'at work':8}  {printable(event.asset or '', 60):28}  {said}"


class _Bars:
    """A bar with rows and remaining time for each asset that runs, and a line for each that ended."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._figures = _Figures()
        self._tasks: dict[str, TaskID] = {}
        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rows]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._progress.start()

    def show(self, entry: "RecordedEvent") -> None:
        """Move the bar of an event's attempt; an attempt that ended leaves its line."""
        from ledger.events import AssetStarted, ProgressReported
        from ledger.report.text import printable

        event = entry.event
        line = self._figures.line(entry)
        if isinstance(event, AssetStarted):
            name = printable(event.asset or "", 40)
            self._tasks[entry.stream] = self._progress.add_task(name, total=None, rows="", left="")
        elif isinstance(event, ProgressReported) and entry.stream in self._tasks:
            shown = {"rows": _how_far(event), "left": _left(event)}
            self._update(entry.stream, completed=event.value, total=event.total, **shown)
        elif line is not None:
            if entry.stream in self._tasks:
                self._progress.remove_task(self._tasks.pop(entry.stream))
            self._progress.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bars away."""
        self._progress.stop()

    def _update(self, stream: str, **fields: Any) -> None:
        self._progress.update(self._tasks[stream], **fields)
