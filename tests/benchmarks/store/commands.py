"""Commands as a person waits for them: whole processes, on a large ledger with a tail of loose files.

Rules:
- What the start of Python and the imports take is taken off: it is what the same command takes on a ledger of one run.
- The snapshot is warm, as it is after the run that compacted the ledger.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from ledger.service.reading.replay import replay_runs
from tests.benchmarks.store import history
from tests.benchmarks.store.goals import BY_KEY
from tests.benchmarks.store.ledgers import Shelf, scatter, store_at
from tests.benchmarks.store.measure import Effort, Results, in_turns, wall_s

_JUDGED_AT: Final = 10_000_000
_COMMANDS: Final = {
    "show": ("show",),
    "show latest": ("show", "latest"),
    "samples": ("samples", "--asset", history.ASSETS[5], "--metric", "duration_s", "--format", "csv"),
}


def commands(shelf: Shelf, results: Results, effort: Effort, events: int) -> None:
    """Measure `show` and `samples` on a compacted ledger of so many events with a tail of loose files."""
    large, small = with_tail(shelf, effort, events), _one_run(shelf)
    first_s = wall_s(lambda: replay_runs(store_at(large)))
    for path in (large, small):
        for words in _COMMANDS.values():
            _run(path, words)
    contenders = {
        f"{name}, {where}": lambda path=path, words=words: wall_s(lambda: _run(path, words))
        for name, words in _COMMANDS.items()
        for where, path in (("large", large), ("one run", small))
    }
    found = in_turns(contenders, effort.rounds)
    case = f"{events:,} events and {effort.tail:,} loose files"
    results.add("commands", case, "s", found)
    note = "the replay in one process before the commands; makes the snapshot where there is none"
    results.add("commands", case, "s", {"first replay": [first_s]}, note)
    for name in _COMMANDS:
        pairs = zip(found[f"{name}, large"], found[f"{name}, one run"], strict=True)
        if name in BY_KEY and events >= _JUDGED_AT:
            results.judge(name, [large_s - small_s for large_s, small_s in pairs], f"at {events:,} events")


def with_tail(shelf: Shelf, effort: Effort, events: int) -> Path:
    """Return a ledger with the compacted history, and loose files of the runs that came after."""
    source = Path(shelf.compacted(events).uri)
    path = source.with_name(f"{source.name}-with-tail-{effort.tail}")
    if not path.exists():
        shutil.copytree(source, path, copy_function=os.link)
        after = history.made(history.runs_for(events) + 1, effort.tail // 20)
        scatter(store_at(path), after, effort.tail)
    return path


def _one_run(shelf: Shelf) -> Path:
    """Return a ledger of one run."""
    path = shelf.fresh("one-run")
    scatter(store_at(path), history.made(0, 1), history.APPENDS_A_RUN)
    return path


def _run(path: Path, words: tuple[str, ...]) -> None:
    """Run a command to its end."""
    subprocess.run(
        [sys.executable, "-m", "ledger_cli.main", *words, "--ledger", str(path)],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=300,
        env=os.environ | {"COLUMNS": "140"},
    )
