"""Processes that a span started: which they are, and how much memory they hold together.

Rules:
- ``/proc/<pid>/task/<tid>/children`` is read instead of walking every process of the machine: 0.1 ms, not 14.
- A thread that ends hands its children to the process's first thread, so all threads are asked.
"""

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int | None = None, proc: Path = _PROC) -> frozenset[int]:
    """Return the pids of all processes below ``pid`` (by default this process); none where ``/proc`` is missing."""
    found: set[int] = set()
    frontier = [os.getpid() if pid is None else pid]
    while frontier:
        new = [child for parent in frontier for child in _children(parent, proc) if child not in found]
        found.update(new)
        frontier = new
    return frozenset(found)


def total_rss_bytes(pids: frozenset[int], proc: Path = _PROC) -> int:
    """Return the sum of the resident set sizes of these processes in bytes; one that has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            total += int((proc / str(pid) / "statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
        except (OSError, IndexError, ValueError):
            continue
    return total


def _children(pid: int, proc: Path) -> list[int]:
    """Return the direct children of a process, none where it has ended."""
    tasks = proc / str(pid) / "task"
    found: list[int] = []
    try:
        threads = os.listdir(tasks)  # noqa: PTH208 - runs ten times a second, and this is the cheapest
    except OSError:
        return found
    for thread in threads:
        try:
            descriptor = os.open(f"{tasks}/{thread}/children", os.O_RDONLY)
        except OSError:
            continue
        try:
            found.extend(map(int, os.read(descriptor, 1 << 16).split()))
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return found
