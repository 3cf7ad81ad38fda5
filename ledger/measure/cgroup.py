"""Limits that control groups set, version 1 and 2, read along the whole path of this process.

A container's total memory is what its group allows; psutil and ``/proc/meminfo`` report the host's.
"""

from pathlib import Path
from typing import Final

_ROOT: Final = Path("/")
_UNLIMITED_V1: Final = 1 << 60
"""Version 1 writes a page-rounded maximum of int64 where there is no limit."""


def memory_limit_bytes(root: Path = _ROOT) -> int | None:
    """Return the tightest memory limit above this process, ``None`` without one."""
    limits = [
        limit
        for controller, file in (("", "memory.max"), ("memory", "memory.limit_in_bytes"))
        for directory in _path(root, controller)
        if (limit := _number(directory / file)) is not None and limit < _UNLIMITED_V1
    ]
    return min(limits, default=None)


def cpu_limit_cores(root: Path = _ROOT) -> float | None:
    """Return the tightest CPU quota above this process in cores, ``None`` without one."""
    quotas = [_quota_v2(directory / "cpu.max") for directory in _path(root, "")]
    quotas += [_quota_v1(directory) for directory in _path(root, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def in_container(root: Path = _ROOT) -> bool:
    """Return whether a container's runtime left its mark here."""
    marks = (".dockerenv", "run/.containerenv", "run/secrets/kubernetes.io")
    return any((root / mark).exists() for mark in marks)


def _path(root: Path, controller: str) -> list[Path]:
    """Return the directories of this process's group for a controller, innermost first; "" means version 2."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    base = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controller in controllers.split(","):
            mount = base / controllers if controller and (base / controllers).is_dir() else base / controller
            inner = mount / group.lstrip("/")
            return [inner, *(parent for parent in inner.parents if parent.is_relative_to(mount))]
    return []


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _quota_v2(path: Path) -> float | None:
    try:
        words = path.read_text(encoding="ascii").split()
    except OSError:
        return None
    numbers = [int(word) for word in words if word.isdigit()]
    return numbers[0] / numbers[1] if len(numbers) == 2 and numbers[1] else None  # noqa: PLR2004 - quota and period


def _quota_v1(directory: Path) -> float | None:
    quota, period = _number(directory / "cpu.cfs_quota_us"), _number(directory / "cpu.cfs_period_us")
    return quota / period if quota and period else None
