"""A layer between the ledger and the operating system that counts calls, and at one of them lets something go wrong.

Rules:
- Only calls on paths below the ledger, or on descriptors opened there, are counted. What Arrow and DuckDB do in native
  code only reads.
- A kill is SIGKILL to the own process: no ``finally`` runs, nothing is flushed.
- The calls that were let through can be told afterwards, with what was written: a power cut is computed from them.
"""

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

CHANGING: Final = frozenset({"create", "write", "fsync", "link", "unlink", "mkdir"})
"""What changes the medium, or makes a change durable."""

REFUSED_WHEN_FULL: Final = frozenset({"create", "write", "link", "mkdir"})
REFUSED_WHEN_READ_ONLY: Final = frozenset({"create", "link", "mkdir", "unlink"})

_PATH_CALLS: Final = ("link", "unlink", "mkdir", "listdir", "scandir", "stat")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and where.

    Attributes:
        what: ``kill before``, ``kill after``, ``torn`` (half of a write, then the kill), ``short`` (half of a write is
            reported as such), an errno name for one failing call, or ``full`` and ``read-only`` for all that follow.
        at: Number of the call, from 0.
    """

    what: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was let through.

    Attributes:
        name: ``create``, ``open``, ``write``, ``fsync``, ``close``, ``link``, ``unlink``, ``mkdir``, ``listdir``,
            ``scandir``, ``stat``.
        path: What it was about.
        target: The new name of a link.
        data: What was written.
    """

    name: str
    path: str
    target: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Layer:
    """Counts and breaks; once installed it stays for the life of the process.

    Attributes:
        root: The ledger's directory.
        fault: What goes wrong, ``None`` to only count.
        calls: Everything so far.
    """

    root: str
    fault: Fault | None = None
    calls: list[Call] = field(default_factory=list)
    _open: dict[int, str] = field(default_factory=dict)
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def install(self) -> None:
        """Put the layer in place."""
        for name in (*_PATH_CALLS, "open", "write", "fsync", "close"):
            self._real[name] = getattr(os, name)
        for name in _PATH_CALLS:
            setattr(os, name, self._on_path(name))
        os.open = self._opened  # type: ignore[assignment]
        os.write = self._written
        os.fsync = self._on_descriptor("fsync")
        os.close = self._on_descriptor("close")
        self._real["io.open"] = io.open
        io.open = builtins.open = self._io_opened  # type: ignore[assignment]

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and f"{os.fspath(path)}/".startswith(f"{self.root}/")

    def _through(self, call: Call, perform: Callable[[], Any]) -> Any:
        """Let a call through, or not."""
        number = len(self.calls)
        self.calls.append(call)
        fault = self.fault
        if fault is None or number < fault.at:
            return perform()
        if number > fault.at:
            return self._after(call, fault, perform)
        if fault.what == "kill before":
            self._die()
        if fault.what in {"torn", "short"} and call.name == "write":
            return self._half(call, fault.what)
        if fault.what not in {"kill after", "torn", "short", "full", "read-only"}:
            _refuse(fault.what, call.path)
        done = self._after(call, fault, perform)
        if fault.what == "kill after":
            self._die()
        return done

    def _after(self, call: Call, fault: Fault, perform: Callable[[], Any]) -> Any:
        """Let a call through, unless the medium is full or read-only by now."""
        if fault.what == "full" and call.name in REFUSED_WHEN_FULL:
            _refuse("ENOSPC", call.path)
        if fault.what == "read-only" and call.name in REFUSED_WHEN_READ_ONLY:
            _refuse("EROFS", call.path)
        return perform()

    def _half(self, call: Call, what: str) -> int:
        descriptor = next(number for number, path in self._open.items() if path == call.path)
        written: int = self._real["write"](descriptor, call.data[: max(len(call.data) // 2, 1)])
        if what == "torn":
            self._die()
        return written

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()  # It is delivered before this returns.

    def _on_path(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(path: Any = ".", *more: Any, **named: Any) -> Any:
            if not self._is_ours(path):
                return real(path, *more, **named)
            target = os.fspath(more[0]) if name == "link" else ""
            return self._through(Call(name, os.fspath(path), target), lambda: real(path, *more, **named))

        return call

    def _opened(self, path: Any, flags: int, *more: Any, **named: Any) -> int:
        if not self._is_ours(path):
            return int(self._real["open"](path, flags, *more, **named))
        name = "create" if flags & os.O_CREAT else "open"
        perform = lambda: self._real["open"](path, flags, *more, **named)  # noqa: E731
        descriptor: int = self._through(Call(name, os.fspath(path)), perform)
        self._open[descriptor] = os.fspath(path)
        return descriptor

    def _written(self, descriptor: int, data: Any) -> int:
        path = self._open.get(descriptor)
        if path is None:
            return int(self._real["write"](descriptor, data))
        call = Call("write", path, data=bytes(data))
        return int(self._through(call, lambda: self._real["write"](descriptor, data)))

    def _on_descriptor(self, name: str) -> Callable[[int], None]:
        real = self._real[name]

        def call(descriptor: int) -> None:
            path = self._open.get(descriptor)
            if path is None:
                real(descriptor)
                return
            try:
                self._through(Call(name, path), lambda: real(descriptor))
            finally:
                if name == "close":  # Linux frees the descriptor even where close reports an error.
                    self._open.pop(descriptor, None)

        return call

    def _io_opened(self, file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        perform = lambda: self._real["io.open"](file, mode, *more, **named)  # noqa: E731
        if not self._is_ours(file):
            return perform()
        name = "create" if set(mode) & set("wxa") else "open"
        return self._through(Call(name, os.fspath(file)), perform)


def _refuse(name: str, path: str) -> NoReturn:
    number = getattr(errno, name)
    raise OSError(number, os.strerror(number), path)
