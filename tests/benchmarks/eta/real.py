"""Runs that are real: awards linked in chunks by the pipeline itself, and what it told of the time left.

Rules:
- Each is a process of its own, followed through its ledger as anybody would; what it told is read from there.
- The error of an estimate is its distance from what was really left, relative to that, where a twentieth of the work or
  more was left: before the very end a tenth of a second is a large share of nothing.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from ledger.events import AssetStarted, ChunksResumed, ProgressReported
from ledger.events.codec import from_table
from ledger.store import open_store
from ledger.store.protocol import EventQuery, LedgerStore

ROOT: Final = Path(__file__).parents[3]
_ASSET: Final = "enriched_awards"
_LEFT_SHARE: Final = 0.05
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Size:
    """How much is linked: awards, companies of the registry, and most rows of a chunk."""

    awards: int
    registry: int
    chunk: int


FULL: Final = Size(600_000, 100_000, 15_000)
QUICK: Final = Size(4_000, 3_000, 200)

Told = list[tuple[datetime, ProgressReported]]


def steady(place: Path, size: Size) -> np.ndarray:
    """A run that nothing disturbs."""
    _wait(_started(place, size))
    return _errors(_told(place)[-1])


def pool(place: Path, size: Size) -> np.ndarray:
    """The same with two workers."""
    _wait(_started(place, size, chunk_workers=2))
    return _errors(_told(place)[-1])


def adaptive(place: Path, size: Size) -> np.ndarray:
    """A run whose memory is short, so that its chunks change."""
    _wait(_started(place, size, memory_threshold_mb=384))
    return _errors(_told(place)[-1])


def stalled(place: Path, size: Size) -> np.ndarray:
    """A run whose process is stopped at a third of its rows, for as long as the rows so far took. Judged after it."""
    running = _started(place, size)
    pid, told = _reaching(place, running, 1 / 3)
    began = told[0][0]
    os.kill(pid, signal.SIGSTOP)
    threading.Event().wait((told[-1][0] - began).total_seconds())
    os.kill(pid, signal.SIGCONT)
    _wait(running)
    return _errors(_told(place)[-1], after=told[-1][1].value)


def resumed(place: Path, size: Size) -> np.ndarray:
    """A run that goes on where one was killed at half of its rows."""
    running = _started(place, size)
    pid, _ = _reaching(place, running, 1 / 2)
    os.kill(pid, signal.SIGKILL)
    running.wait()
    _wait(_started(place, size))
    assert _of(place, ChunksResumed)[-1][1].kept_rows >= size.awards / 3
    return _errors(_told(place)[-1])


RUNS: Final[dict[str, Callable[[Path, Size], np.ndarray]]] = {
    "steady": steady,
    "two workers": pool,
    "short of memory": adaptive,
    "stopped for a while": stalled,
    "killed and resumed": resumed,
}
GOALS: Final = {"steady": 0.10, "stopped for a while": 0.20}
"""Largest median error, by run."""


def _started(place: Path, size: Size, **settings: object) -> subprocess.Popen[bytes]:
    """Start a run of the job in a process of its own."""
    config = place / "sizes.json"
    config.write_text(
        json.dumps({"ops": {"generated_awards": {"config": {"awards": size.awards, "registry": size.registry}}}})
    )
    told = {"chunk_size": size.chunk, "progress_every_s": 0.0, "output_dir": place / "output", **settings}
    words = [word for name, value in told.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "ledger_cli.main", "run", "-q", "--job", "enrich_awards"]
    command += ["--executor", "in_process", "--run-config", str(config), "--ledger", str(place / "ledger"), *words]
    environment = os.environ | {"DAGSTER_HOME": str(place / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    (place / "home").mkdir(exist_ok=True)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=(place / "errors").open("wb")
    )


def _wait(running: subprocess.Popen[bytes]) -> None:
    code = running.wait()
    if code != 0:
        sys.exit(f"the run ended with {code}: {' '.join(running.args[-6:])}")


def _reaching(place: Path, running: subprocess.Popen[bytes], share: float) -> tuple[int, Told]:
    """Return the process that does the work, and what it told, once so much of its rows is done."""
    pause = threading.Event()
    while running.poll() is None:
        told = _told(place)[-1] if (place / "ledger" / "FORMAT").exists() else []
        if told and told[-1][1].value >= share * (told[-1][1].total or 0.0):
            (pid,) = [event.pid for _, event in _of(place, AssetStarted) if event.asset == _ASSET][-1:]
            return pid, told
        pause.wait(_POLL_S)
    sys.exit("the run was over before it could be disturbed; give it more rows")


def _of(place: Path, kind: type) -> list:
    query = EventQuery(kinds=(kind.KIND,), assets=(_ASSET,))
    return [(entry.ts, entry.event) for entry in from_table(_store(place).read(query))]


def _store(place: Path) -> LedgerStore:
    return open_store(str(place / "ledger"))


def _told(place: Path) -> list[Told]:
    """Return what each run told of its progress, oldest run first, without the repetition at its end."""
    runs: dict[str | None, Told] = {}
    for ts, event in _of(place, ProgressReported):
        told = runs.setdefault(event.run_id, [])
        if not told or event.value > told[-1][1].value:
            told.append((ts, event))
    return list(runs.values()) or [[]]


def _errors(told: Told, *, after: float = 0.0) -> np.ndarray:
    """Return the relative error of each estimate that was told after so many rows (1-D float64)."""
    end, last = told[-1]
    assert last.value == last.total
    judged = [
        (event.eta_s, (end - ts).total_seconds())
        for ts, event in told
        if event.eta_s is not None and event.value > after and event.value <= (1.0 - _LEFT_SHARE) * (event.total or 0.0)
    ]
    return np.array([abs(eta_s - left_s) / left_s for eta_s, left_s in judged])
