"""Who a process is, in a way that holds across pid reuse, containers and reboots; and whether it still lives.

Rules:
- *Gone* is said on evidence only: another boot of the same host, no such pid, a zombie, or a pid that was given anew.
- What cannot be seen from here (another host, another PID namespace, a hidden ``/proc``) is *unknown*.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Liveness = Literal["alive", "gone", "unknown"]

_PROC: Final = Path("/proc")
_STATE_FIELD: Final = 0
_START_FIELD: Final = 19
"""Fields of ``/proc/<pid>/stat`` counted after the command in parentheses (proc(5): fields 3 and 22)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process, named so that it cannot be confused with another.

    Attributes:
        host: Host name.
        boot_id: Kernel boot id, ``None`` where it cannot be read.
        pid: Process id.
        pid_namespace: Inode of the namespace the pid counts in.
        pid_started_ticks: Clock ticks after boot at which it started.
    """

    host: str
    boot_id: str | None
    pid: int
    pid_namespace: int | None
    pid_started_ticks: int | None


def current_process(proc: Path = _PROC) -> ProcessIdentity:
    """Return the identity of this process."""
    stat = _stat(os.getpid(), proc)
    return ProcessIdentity(
        host=socket.gethostname(),
        boot_id=_boot_id(proc),
        pid=os.getpid(),
        pid_namespace=_namespace(proc),
        pid_started_ticks=int(stat[_START_FIELD]) if stat else None,
    )


def liveness(identity: ProcessIdentity, proc: Path = _PROC) -> Liveness:
    """Return whether a process lives; ``unknown`` where it cannot be told from here.

    Args:
        identity: The process, as it named itself.
        proc: The ``/proc`` file system.
    """
    boot_id = _boot_id(proc)
    if identity.boot_id is None or boot_id is None or identity.host != socket.gethostname():
        return "unknown"
    if identity.boot_id != boot_id:
        return "gone"
    if identity.pid_namespace is None or identity.pid_namespace != _namespace(proc):
        return "unknown"
    return _here(identity.pid, identity.pid_started_ticks, proc)


def _here(pid: int, started_ticks: int | None, proc: Path) -> Liveness:
    """Return whether a process of this PID namespace lives."""
    stat = _stat(pid, proc)
    if stat is None:
        return "gone" if _no_such_process(pid) else "unknown"
    if stat[_STATE_FIELD] in {"Z", "X"}:
        return "gone"
    if started_ticks is None:
        return "unknown"
    return "alive" if int(stat[_START_FIELD]) == started_ticks else "gone"


def _no_such_process(pid: int) -> bool:
    """Return whether the kernel says that a pid is free; ``/proc`` may hide other users' processes (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _boot_id(proc: Path) -> str | None:
    try:
        return (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _namespace(proc: Path) -> int | None:
    try:
        return (proc / "self/ns/pid").stat().st_ino
    except OSError:
        return None


def _stat(pid: int, proc: Path) -> list[str] | None:
    """Return the fields after the command name, which may itself hold spaces and parentheses."""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
