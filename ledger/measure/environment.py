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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from ledger.events.base import Json
from ledger.events.codec import canonical_json
from ledger.measure.cgroup import cpu_limit_cores, memory_limit_bytes

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
    machine_class: Mapping[str, Json]
    software: Mapping[str, Json]
    host: Mapping[str, Json]


@cache
def environment() -> Environment:
    """Return where this process runs; found out once per process, in about 50 ms."""
    limit = memory_limit_bytes()
    total = int(psutil.virtual_memory().total)
    memory = min(total, limit) if limit is not None else total
    machine: dict[str, Json] = {
        "os": platform.system(),
        "arch": platform.machine(),
        "cpu_model": _cpu_model(),
        "cores": _cores(),
        "memory_class_gib": 2 ** round(math.log2(max(memory / _GIB, 1 / 16))),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }
    software: dict[str, Json] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
    }
    packages = installed_packages()
    software |= {name: packages[name] for name in _SPEED_MATTERS if name in packages}
    software["packages_digest"] = _digest(packages)
    host: dict[str, Json] = {
        "hostname": platform.node(),
        "kernel": platform.release(),
        "memory_total_bytes": total,
        "memory_limit_bytes": limit,
    }
    digest = _digest({"machine_class": machine, "software": software})
    return Environment(digest, machine, software, host)


def installed_packages() -> dict[str, str]:
    """Return name and version of every installed distribution, names in lower case."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower()] = distribution.version
    return dict(sorted(found.items()))


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _cores() -> float:
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
