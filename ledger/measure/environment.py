"""The machine and software a run is measured on.

Rules:
- ``machine_class`` holds what must be equal for two runs to be compared, coarsely enough that two machines of one kind
  are equal; ``software`` what changes speed without a commit; ``host`` is only recorded.
- Memory is the limit that holds: the smallest of the machine's and the control groups' on the way up.
- What cannot be read is absent; nothing here raises.
"""

import hashlib
import math
import os
import platform
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.measure.cgroup import cpu_limit_cores, in_container, memory_limit_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.events.base import Json

_SPEED_MATTERS: Final = ("dagster", "duckdb", "numpy", "pandas", "pyarrow")
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Environment:
    """Machine and software; equal digests mean comparable runs.

    Attributes:
        digest: SHA-256 (hex) of the canonical JSON of ``machine_class`` and ``software``.
        machine_class: What makes machines comparable.
        software: Versions.
        host: Recorded, not compared.
    """

    digest: str
    machine_class: "Mapping[str, Json]"
    software: "Mapping[str, Json]"
    host: "Mapping[str, Json]"


@cache
def environment() -> Environment:
    """Return where this process runs; found out once per process, in about 50 ms."""
    total, limit = _memory_total_bytes(), memory_limit_bytes()
    machine = _known(
        os=platform.system(),
        arch=platform.machine(),
        cpu_model=_cpu_model(),
        cores=available_cores(),
        memory_class_gib=_memory_class_gib(total, limit),
        python=".".join(platform.python_version_tuple()[:2]),
    )
    packages = installed_packages()
    software = _known(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        packages_digest=_digest([f"{name}=={version}" for name, version in packages.items()]),
        **{name: packages.get(name) for name in _SPEED_MATTERS},
    )
    host = _known(
        hostname=platform.node(),
        kernel=platform.release(),
        memory_total_bytes=total,
        memory_limit_bytes=limit,
        container=in_container(),
    )
    digest = _digest({"machine_class": machine, "software": software})
    return Environment(digest, machine, software, host)


def installed_packages() -> dict[str, str]:
    """Return name and version of every installed distribution, names in lower case, sorted."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        # A half-removed package has metadata without a name or a version: no reason to fail a pipeline.
        known = distribution.metadata
        name, version = known["Name"], known["Version"]
        if name and version:
            found.setdefault(name.lower(), version)  # The first on the path is the one that gets imported.
    return dict(sorted(found.items()))


def _known(**fields: "str | float | None") -> "dict[str, Json]":
    """Return the fields that could be read."""
    return {name: value for name, value in fields.items() if value not in {None, ""}}


def _digest(value: object) -> str:
    from ledger.events.codec import canonical_json  # noqa: PLC0415 - brings Arrow, which measuring does not need

    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _memory_total_bytes() -> int | None:
    """Return the machine's memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _memory_class_gib(total: int | None, limit: int | None) -> float | None:
    """Return the memory that may be used, rounded to a power of two in GiB."""
    usable = min((size for size in (total, limit) if size is not None), default=None)
    return None if usable is None else 2 ** round(math.log2(max(usable / _GIB, 1 / 16)))


def available_cores() -> float:
    """Return the cores this process may use: affinity, or less where a control group says so."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        allowed = os.cpu_count() or 1
    limit = cpu_limit_cores()
    return min(float(allowed), limit) if limit is not None else float(allowed)


def _cpu_model() -> str | None:
    """Return the processor's name as the kernel gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or None)
