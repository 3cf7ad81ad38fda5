"""Finished chunks on disk: each a file named by its rows and the digest of its content, so that the gaps are the work.

Rules:
- A directory belongs to one plan, kept in it; another plan is refused, and told what differs.
- A part gets its name when its content is on the medium; half a part has no name. What a name promises is checked once
  when work is resumed: a part whose content does not fit is left out, told, and made again.
- An intent is written before a chunk and removed after it. The intent of a process that is gone says at which chunk it
  died.
- Several runs of one plan may be at work at once. Each holds a shared lock (flock(2)) in the directory, which the
  kernel takes back from whoever is killed; the last one removes it. Where a file system has no locks, the first does.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import uuid
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from ledger.chunks.plan import Plan, PlanChangedError
from ledger.chunks.tiling import Range, gaps, taken
from ledger.measure import ProcessIdentity, current_process, liveness
from ledger.store.files import explained, make_directory, put_if_absent, sweep

PLAN_FILE: Final = "plan.json"
PLACE_SETTING: Final = "output_dir"
"""What moves begun work and published files to another place, for messages."""

_LOCK_FILE: Final = "in_use"
_NAME: Final = re.compile(r"([0-9]{15})-([0-9]{15})-([0-9a-f]{64})\.arrow")
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A finished chunk: its rows ``[start, stop)``, and the SHA-256 (hex) of its file."""

    start: int
    stop: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name within the directory."""
        return f"{self.start:015d}-{self.stop:015d}-{self.sha256}.arrow"

    @property
    def rows(self) -> Range:
        """The rows as a range."""
        return self.start, self.stop


@dataclass(frozen=True, slots=True)
class Death:
    """A process that is gone, and the rows that it was working at."""

    start: int
    stop: int
    pid: int


class Parts:
    """The finished chunks of one plan."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; nothing is read yet."""
        self.directory: Final = directory
        self._parts: Final = directory / "parts"
        self._intents: Final = directory / "intents"
        self._let_go: weakref.finalize[..., Parts] | None = None

    def begin(self, plan: Plan) -> None:
        """Make the directory the plan's, or go on with what it holds; it stays until this is released or gone.

        Raises:
            PlanChangedError: It belongs to another plan.
            StoreError: The medium refused.
        """
        document = plan.document().encode()
        file = self.directory / PLAN_FILE
        with explained("write", file, PLACE_SETTING):
            self._hold()
            for directory in (self._parts, self._intents):
                make_directory(directory)
            sweep(self._parts)
            if put_if_absent(file, document):
                return
            found = file.read_bytes()
        if found != document:
            message = (
                f"{self.directory} holds the begun work of another plan ({_differing(found, document)}); "
                "remove it to begin anew"
            )
            raise PlanChangedError(message)

    def write(self, start: int, stop: int, table: pa.Table) -> Part:
        """Keep the result of a chunk; the same result of the same rows is kept once.

        Raises:
            StoreError: The medium refused; there is no part.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)
        data = sink.getvalue()
        part = Part(start, stop, hashlib.sha256(data).hexdigest())
        path = self._parts / part.file_name
        with explained("write", path, PLACE_SETTING):
            put_if_absent(path, memoryview(data))
        return part

    def read(self, part: Part) -> pa.Table:
        """Return the result of a chunk, mapped into memory."""
        with pa.memory_map(str(self._parts / part.file_name)) as source:
            return pa.ipc.open_file(source).read_all()

    def tables(self, chain: Iterable[Part]) -> Iterator[pa.Table]:
        """Yield the results of parts, in the order given, one in memory at a time."""
        for part in chain:
            yield self.read(part)

    def found(self) -> tuple[Part, ...]:
        """Return all parts by name, ascending, overlapping ones included."""
        names = [match for path in sorted(self._parts.iterdir()) if (match := _NAME.fullmatch(path.name))]
        return tuple(Part(int(name[1]), int(name[2]), name[3]) for name in names)

    def chain(self, rows: int) -> tuple[Part, ...]:
        """Return the parts that are taken, ascending; together with ``gaps`` they are all rows."""
        by_range: dict[Range, Part] = {}
        for part in self.found():
            by_range.setdefault(part.rows, part)
        return tuple(by_range[one] for one in taken(by_range, rows))

    def gaps(self, rows: int) -> tuple[Range, ...]:
        """Return the rows that have no part yet."""
        return gaps((part.rows for part in self.found()), rows)

    def drop_damaged(self) -> tuple[Part, ...]:
        """Remove the parts whose content is not what their name says, and return them."""
        damaged = tuple(part for part in self.found() if not self._is_sound(part))
        for part in damaged:
            (self._parts / part.file_name).unlink(missing_ok=True)
        return damaged

    @contextlib.contextmanager
    def intent(self, start: int, stop: int) -> Iterator[None]:
        """Leave a note of the rows that are worked at; it stays only where the process dies inside."""
        me = current_process()
        path = self._intents / f"{me.host}-{me.pid}-{me.pid_started_ticks}.json".replace("/", "_")
        with explained("write", path, PLACE_SETTING):
            path.write_text(json.dumps({"start": start, "stop": stop, "process": asdict(me)}), encoding="utf-8")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def deaths(self) -> tuple[Death, ...]:
        """Return the processes that died at a chunk since this was last asked; their notes are taken away."""
        found = []
        for path in sorted(self._intents.glob("*.json")):
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
                process = ProcessIdentity(**told["process"])
                death = Death(int(told["start"]), int(told["stop"]), process.pid)
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)  # A note that was never finished: nothing had begun.
                continue
            if liveness(process) == "gone":
                path.unlink(missing_ok=True)
                found.append(death)
        return tuple(found)

    def release(self) -> None:
        """Let others remove the directory."""
        if self._let_go is not None:
            self._let_go()

    def remove(self) -> bool:
        """Remove everything, once the result is published, unless another run is at work there; return whether."""
        self.release()
        gone = self.directory.with_name(f".gone-{uuid.uuid4().hex}")
        try:
            descriptor = os.open(self.directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if not _locked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    return False
                # It loses its name first: whoever begins the same plan meanwhile must not find half of it.
                self.directory.rename(gone)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _hold(self) -> None:
        """Make the directory where there is none, and keep others from removing it."""
        self.release()
        lock = self.directory / _LOCK_FILE
        while True:
            make_directory(self.directory)
            try:
                descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:  # Removed by another run, just now.
                continue
            _locked(descriptor, fcntl.LOCK_SH)
            if _is_still(lock, descriptor):
                self._let_go = weakref.finalize(self, os.close, descriptor)
                return
            os.close(descriptor)

    def _is_sound(self, part: Part) -> bool:
        try:
            with (self._parts / part.file_name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
        except OSError:
            return False


def _differing(found: bytes, wanted: bytes) -> str:
    """Return what two plans differ in."""
    try:
        before, after = json.loads(found), json.loads(wanted)
    except ValueError:
        return "its plan cannot be read"
    told = []
    for name in ("name", "partition", "rows", "inputs", "parameters"):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            told += [f"{name}: {key}" for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        else:
            told.append(f"{name}: {old} then, {new} now")
    return "; ".join(told) or "its format"


def _locked(descriptor: int, operation: int) -> bool:
    """Lock an open file; return whether it is, or would be if its file system had locks."""
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Return whether a path names the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
