"""Replaying: CPU seconds from files to the median and the last 30 values of every series."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.store import dagster_log, history
from tests.benchmarks.store.ledgers import Shelf, build
from tests.benchmarks.store.measure import Effort, Figure, Results, in_turns, ratios
from tests.benchmarks.store.readers import FETCH, OBJECTS, RAW, READ, READERS, SQL, Sources, table_of

_MILLION: Final = 1_000_000
_LARGEST: Final = {
    "SQLite table, covering index": 1_000_000,
    OBJECTS: 1_000_000,
    FETCH: 100_000,
    "Dagster's file, sqlite3 and json": 100_000,
}
"""Beyond these sizes a reader is not measured, but taken as linear: it would take hours, and is linear."""

_HUGE: Final = 100_000_000
_GIB: Final = 2**30


def replay(shelf: Shelf, results: Results, effort: Effort, sizes: Sequence[int]) -> None:
    """Measure every reader at every size."""
    answers: set[str] = set()
    for events in sizes:
        told = _measured(shelf, effort, events)
        answers = {entry["answer"] for entries in told.values() for entry in entries} - {""}
        if len(answers) != 1:
            message = f"readers do not agree at {events} events: {sorted(answers)}"
            raise AssertionError(message)
        cpu_s = {name: [entry["cpu_s"] for entry in entries] for name, entries in told.items()}
        results.add("replay", f"{events:,} events", "s CPU", cpu_s)
        peaks = {name: [entry["peak_bytes"] / 1e6 for entry in entries] for name, entries in told.items()}
        results.add("replay", f"{events:,} events, peak memory", "MB", peaks)
        _extrapolated(results, events, set(cpu_s))
        _judge(results, events, cpu_s)


def huge(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure the replay of a hundred million events: seconds on the clock, and memory."""
    path = shelf.directory / f"huge-{_HUGE}"
    if not path.exists():
        build(path, history.history(_HUGE), digests=False)
    sources = Sources(path, path, path)
    told = [_child(SQL, _sources(shelf, effort.warm_up), sources) for _ in range(3)]
    results.add("replay", f"{_HUGE:,} events", "s CPU", {SQL: [entry["cpu_s"] for entry in told]})
    results.judge("huge wall", [entry["wall_s"] for entry in told])
    results.judge("huge memory", [entry["peak_bytes"] / _GIB for entry in told])


def _measured(shelf: Shelf, effort: Effort, events: int) -> dict[str, list[dict[str, float]]]:
    """Return what each reader told in each round."""
    small, real = _sources(shelf, effort.warm_up), _sources(shelf, events)
    told: dict[str, list[dict[str, float]]] = {}

    def once(name: str) -> float:
        told.setdefault(name, []).append(_child(name, small, real))
        return 0.0

    chosen = [name for name in READERS if events <= _LARGEST.get(name, events)]
    slow = [name for name in chosen if name in _LARGEST and events == _LARGEST[name]]
    in_turns({name: lambda name=name: once(name) for name in chosen if name not in slow}, effort.rounds)
    in_turns({name: lambda name=name: once(name) for name in slow}, min(effort.rounds, 3))
    return told


def _child(name: str, small: Sources, real: Sources) -> dict[str, float]:
    """Return what one reader told of one reading."""
    paths = [str(path) for sources in (small, real) for path in (sources.ledger, sources.database, sources.dagster)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.store.replay_child", name, *paths],
        stdout=subprocess.PIPE,
        check=True,
        timeout=1_800,
    )
    return json.loads(done.stdout)


def _sources(shelf: Shelf, events: int) -> Sources:
    """Return where the history of a size lies, made first where it is not there."""
    shelf.compacted(events)
    sources = Sources(
        shelf.directory / f"compacted-{events}",
        shelf.directory / f"table-{events}.db",
        shelf.directory / f"dagster-{events}",
    )
    if events <= _LARGEST["SQLite table, covering index"] and not sources.database.exists():
        table_of(sources.database, history.history(events))
    if events <= _LARGEST[FETCH] and not sources.dagster.exists():
        dagster_log.fill(sources.dagster, history.history(events))
    return sources


def _extrapolated(results: Results, events: int, measured: set[str]) -> None:
    """Take readers that were measured at a smaller size as linear."""
    for name, largest in _LARGEST.items():
        known = [f for f in results.figures if f.contender == name and f.case == f"{largest:,} events"]
        if name in measured or not known:
            continue
        values = tuple(value * events / largest for value in known[0].values)
        note = f"extrapolated from {largest:,} events"
        results.figures.append(Figure("replay", f"{events:,} events", name, "s CPU", values, note))


def _judge(results: Results, events: int, cpu_s: Mapping[str, Sequence[float]]) -> None:
    """Take down what a size is judged by."""
    marks = {_MILLION: "raw 1e6", 10 * _MILLION: "raw 1e7"}
    for short, name in (("sql", SQL), ("read", READ)):
        if events in marks:
            results.judge(f"{marks[events]} {short}", ratios(cpu_s[name], cpu_s[RAW]))
        for key, slow in (("objects", OBJECTS), ("fetch", FETCH)):
            if events == _LARGEST[slow] and slow in cpu_s:
                rounds = len(cpu_s[slow])
                results.judge(f"{key} {short}", ratios(cpu_s[slow], cpu_s[name][:rounds]), f"at {events:,} events")
