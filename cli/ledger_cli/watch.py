"""``watch``: how far a run has come, from wherever its ledger can be read."""

import os
import sys
import time
from typing import TYPE_CHECKING, Final, Protocol

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option, open_ledger

if TYPE_CHECKING:
    from rich.text import Text

    from ledger.service.reading.watching import WatchedAsset, WatchedRun
    from ledger_cli.live import Line

_POLL_S: Final = 0.5
_ON_TERMINAL_S: Final = 1.0
_IN_PIPE_S: Final = 10.0


@click.command()
@click.argument("run", required=False)
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(min=0.1, max=3600.0),
    metavar="SECONDS",
    help="Least seconds between two tellings of the same figures.  [default: 1 on a terminal, 10 elsewhere]",
)
@click.option("--once", is_flag=True, help="Tell how things are now, and leave.")
@click.option("--exit-status", is_flag=True, help="Leave with 1 where the run did not end well.")
@ledger_option
@format_option("table", "json")
def watch(
    *,
    run: str | None,
    interval_s: float | None,
    once: bool,
    exit_status: bool,
    ledger_uri: str | None,
    form: str,
) -> int:
    """Watch RUN until it ends: rows, rate, time left, chunks and memory of each asset.

    RUN is a run id, the beginning of one, or "latest"; without it, it is the newest run that is under way. Only the
    ledger is read, so any terminal and any machine that can read it will do. A terminal gets a table that is drawn
    again and again, a pipe gets a line per change, and --format json an object per change.
    """
    from ledger.service.reading.watching import Watch

    watched = Watch(open_ledger(ledger_uri), run)
    is_drawn = form != "json" and sys.stdout.isatty() and os.environ.get("TERM") not in {None, "", "dumb", "unknown"}
    every_s = interval_s or (_ON_TERMINAL_S if is_drawn else _IN_PIPE_S)
    with _Drawn() if is_drawn else _Objects(every_s) if form == "json" else _Lines(every_s) as display:
        while True:
            now = watched.now()
            display.show(now, is_last=once or now.is_over)
            if once or now.is_over:
                break
            time.sleep(min(every_s, _POLL_S))
            watched.refresh()
    return exit_codes.FAILED if exit_status and now.is_over and now.status != "success" else exit_codes.DONE


class _Display(Protocol):
    """What a run is shown on."""

    def show(self, run: "WatchedRun", *, is_last: bool) -> None:
        """Show how far a run has come."""


class _Told:
    """Decides what is worth telling again: a new state at once, other figures once the interval is over."""

    def __init__(self, every_s: float) -> None:
        self._every_s: Final = every_s
        self._states: dict[tuple[str, str | None], tuple[object, ...]] = {}
        self._figures: dict[tuple[str, str | None], tuple[object, ...]] = {}
        self._at_s: dict[tuple[str, str | None], float] = {}

    def is_due(self, asset: "WatchedAsset", *, is_last: bool) -> bool:
        """Return whether an asset has to be told now; then it counts as told."""
        key = (asset.asset, asset.partition)
        state = (asset.state, asset.attempt)
        figures = (asset.done_rows, asset.chunks, asset.adaptations, asset.retries, asset.given_up_rows)
        now_s = time.monotonic()
        is_new = self._states.get(key) != state
        is_changed = self._figures.get(key) != figures
        if not is_new and not (is_changed and (is_last or now_s - self._at_s[key] >= self._every_s)):
            return False
        self._states[key], self._figures[key], self._at_s[key] = state, figures, now_s
        return True


class _Lines:
    """A line per asset and change, and one at the end."""

    def __init__(self, every_s: float) -> None:
        self._told: Final = _Told(every_s)

    def __enter__(self) -> "_Display":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, run: "WatchedRun", *, is_last: bool) -> None:
        """Write the lines that are due."""
        from ledger_cli.live import ending, line

        when = time.strftime("%H:%M:%S")
        for asset in run.assets:
            if self._told.is_due(asset, is_last=is_last):
                sys.stdout.write(f"{when}  {line(run, asset)}\n")
        if is_last:
            sys.stdout.write(f"{when}  {ending(run)}\n")
        sys.stdout.flush()


class _Objects:
    """A JSON object per change of the run."""

    def __init__(self, every_s: float) -> None:
        self._told: Final = _Told(every_s)
        self._status = ""

    def __enter__(self) -> "_Display":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, run: "WatchedRun", *, is_last: bool) -> None:
        """Write the run as one object, where anything of it is due."""
        from ledger.report import json
        from ledger.service.project.clock import utc_now
        from ledger_cli.live import as_record

        due = [asset for asset in run.assets if self._told.is_due(asset, is_last=is_last)]
        if due or is_last or run.status != self._status:
            self._status = run.status
            json.write_lines([{"ts": utc_now(), **as_record(run)}], sys.stdout)
            sys.stdout.flush()


class _Drawn:
    """A table that is drawn again and again, and stays as it was at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console: Final = Console(highlight=False)
        self._live: Final = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._said: str | None = None

    def __enter__(self) -> "_Display":
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)
        if self._said is not None:
            self._console.print(self._said, markup=False)

    def show(self, run: "WatchedRun", *, is_last: bool) -> None:
        """Draw the table anew; the last one is not cut to the height of the terminal."""
        from ledger_cli.live import ending, table

        size = self._console.size
        height = 10_000 if is_last else size.height - 1
        if is_last:
            self._live.vertical_overflow = "visible"
        self._live.update(_text(table(run, size.width, height)), refresh=True)
        self._said = ending(run) if run.is_over else None


def _text(lines: "list[Line]") -> "Text":
    """Return lines as rich draws them: never wrapped, for they fit."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        for piece, style in line.pieces:
            text.append(piece, style)
        if number < len(lines) - 1:
            text.append("\n")
    return text
