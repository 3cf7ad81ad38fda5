"""What the tests of chunks make: a table of squares, and makers that fail, stall, kill themselves or take memory."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from ledger.chunks import ChunkFunction, Parts, Plan, Resources

SCHEMA = pa.schema([("row", pa.int64()), ("square", pa.int64())])


def plan(rows: int, **parameters) -> Plan:
    return Plan(name="squares", rows=rows, inputs={"numbers": "0" * 64}, parameters=parameters)


def squares(start: int, stop: int) -> pa.Table:
    rows = range(start, stop)
    return pa.table({"row": list(rows), "square": [row * row for row in rows]}, schema=SCHEMA)


@dataclass(frozen=True)
class Maker:
    """Makes squares; what goes wrong is told by where it goes wrong.

    Attributes:
        notes: Directory in which each call leaves a file, so that calls of all processes are counted.
        poison: Rows at which it raises.
        flaky: Rows at which it raises the first time.
        stalls: Rows at which it sleeps for a minute.
        deadly: Rows at which it kills its process, the first time only where ``once``.
        lasts_s: Seconds that each call takes at least.
        late: Rows whose part it keeps itself, in the directory, before it raises: it is stopped just too late.
    """

    notes: Path
    poison: frozenset[int] = frozenset()
    flaky: frozenset[int] = frozenset()
    stalls: frozenset[int] = frozenset()
    deadly: frozenset[int] = frozenset()
    once: bool = True
    lasts_s: float = 0.0
    late: frozenset[int] = frozenset()
    directory: Path | None = None
    made: list[Resources] = field(default_factory=list)

    @contextlib.contextmanager
    def __call__(self, resources: Resources) -> Iterator[ChunkFunction]:
        self.made.append(resources)
        (self.notes / f"{'tight' if resources.is_tight else 'loose'}-{os.getpid()}").touch()
        yield self._work

    def _work(self, start: int, stop: int) -> pa.Table:
        (self.notes / f"{start}-{stop}-{os.getpid()}-{time.monotonic_ns()}").touch()
        rows = set(range(start, stop))
        time.sleep(self.lasts_s)
        if rows & self.poison:
            message = f"row {min(rows & self.poison)} is poison"
            raise ValueError(message)
        if rows & self.flaky and self._first("flaky", start):
            message = "it works the second time"
            raise OSError(message)
        if rows & self.stalls:
            while True:
                time.sleep(0.05)
        if rows & self.deadly and (not self.once or self._first("deadly", start)):
            os.kill(os.getpid(), signal.SIGKILL)
        if rows & self.late and self.directory is not None:
            Parts(self.directory).write(start, stop, squares(start, stop))
            message = "it was stopped just too late"
            raise OSError(message)
        return squares(start, stop)

    def _first(self, what: str, start: int) -> bool:
        try:
            (self.notes / f"{what}-{start}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def calls(self) -> int:
        return sum(path.name[0].isdigit() for path in self.notes.iterdir())


@dataclass
class Heard:
    """What a listener was told."""

    resumes: list = field(default_factory=list)
    chunks: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    adaptations: list = field(default_factory=list)
    progress: list = field(default_factory=list)

    def resumed(self, kept, damaged, deaths):
        self.resumes.append((tuple(kept), tuple(damaged), tuple(deaths)))

    def completed(self, chunk, done_rows, total_rows, eta_s):
        self.chunks.append(chunk)
        self.progress.append((done_rows, total_rows, eta_s))

    def failed(self, chunk, attempt, *, is_final):
        self.failures.append((chunk, attempt, is_final))

    def adapted(self, adaptation):
        self.adaptations.append(adaptation)
