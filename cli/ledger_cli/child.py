"""Starts the process of one run, follows the ledger until it ends, and passes interruptions on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from ledger_cli import exit_codes
from ledger_cli.progress import Display

if TYPE_CHECKING:
    from ledger.events import RecordedEvent
    from ledger.store.protocol import LedgerStore

_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a run ended.

    Attributes:
        code: Exit code for the command.
        run_id: Dagster run id, ``None`` where no tracked asset began.
        error: One sentence where the run could not be made, else ``None``.
        failures: One sentence per failed step.
    """

    code: int
    run_id: str | None
    error: str | None
    failures: tuple[str, ...]


class Follower:
    """Picks the events of one launch out of a ledger that others may write to as well."""

    def __init__(self, store: "LedgerStore", launch_id: str, display: Display) -> None:
        """Follow from now on."""
        self._store: Final = store
        self._launch_id: Final = launch_id
        self._display: Final = display
        self._cursor = store.view().cursor
        self.run_id: str | None = None

    def poll(self) -> None:
        """Show what has been appended since the last call."""
        from ledger.events import RunStarted
        from ledger.service.reading.replay import events_after

        entries, self._cursor = events_after(self._store, self._cursor)
        for entry in entries:
            event = entry.event
            if isinstance(event, RunStarted) and event.launch_id == self._launch_id:
                self.run_id = event.run_id
        for entry in entries:
            if self.run_id is not None and entry.event.run_id == self.run_id:
                self._show(entry)

    def _show(self, entry: "RecordedEvent") -> None:
        self._display.show(entry)


def run_child(specification: Mapping[str, Any], follower: Follower, environment: Mapping[str, str], log: Path) -> Ended:
    """Run one child process to its end.

    The child is a session of its own, so an interruption reaches it once, from us: the first is passed on and it may
    close its streams, the second kills it.

    Args:
        specification: The fields of ``ledger.dagster.launch.Launch``.
        follower: Shows the events as they come.
        environment: Variables of the child.
        log: File that Dagster's log goes into.
    """
    with tempfile.TemporaryDirectory(prefix="dagster-ledger-") as place, log.open("ab") as sink:
        answer = Path(place) / "answer.json"
        command = [sys.executable, "-m", "ledger_cli.launch_child", json.dumps(specification), str(answer)]
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, env=dict(environment), start_new_session=True
        )
        interrupted = _wait(child, follower)
        follower.poll()
        return _ended(child, answer, follower, interrupted=interrupted)


def _wait(child: "subprocess.Popen[bytes]", follower: Follower) -> bool:
    """Follow until the child ends; return whether a person interrupted.

    Signals are passed on by their handler and raise nothing here: a library that looks for signals itself, as DuckDB
    does, makes errors of its own of them.
    """
    came: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGINT if len(came) == 1 else signal.SIGKILL)

    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM) if is_main}
    try:
        while child.poll() is None:
            follower.poll()
            time.sleep(_POLL_S)
    except BaseException:
        os.killpg(child.pid, signal.SIGINT)
        child.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return bool(came)


def _ended(child: "subprocess.Popen[bytes]", answer: Path, follower: Follower, *, interrupted: bool) -> Ended:
    """Return how the child ended, from its answer or, where it left none, from its exit status."""
    if answer.is_file():
        said = json.loads(answer.read_text(encoding="utf-8"))
        code = exit_codes.INTERRUPTED if interrupted else child.returncode
        return Ended(code, said["run_id"] or follower.run_id, said["error"], tuple(said["failures"]))
    if interrupted:
        return Ended(exit_codes.INTERRUPTED, follower.run_id, "interrupted", ())
    signal_name = signal.Signals(-child.returncode).name if child.returncode < 0 else None
    how = f"was killed by {signal_name}" if signal_name else f"ended with status {child.returncode}"
    return Ended(exit_codes.FAILED, follower.run_id, f"the process of the run {how} before it could say why", ())
