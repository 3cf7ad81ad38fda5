"""What the figures were measured on: without it nobody can make sense of them."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("pyarrow", "duckdb", "deltalake", "polars", "pandas", "dagster")


def machine(directory: Path) -> dict[str, str]:
    """Return name to description of what matters for speed.

    Args:
        directory: Where the measured files lie.
    """
    return {
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "file system": _file_system(directory),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "commit": _commit(),
    }


def load() -> str:
    """Return how busy the machine is: the load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _file_system(directory: Path) -> str:
    """Return type and options of the file system a directory is on, without options that name places."""
    done = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE,OPTIONS", "-T", str(directory)], capture_output=True, text=True, check=False
    )
    kind, _, options = (done.stdout.strip().splitlines() or [""])[-1].partition(" ")
    kept = [option for option in options.strip().split(",") if option and "/" not in option]
    return f"{kind or 'unknown'} ({', '.join(kept)})" if kept else kind or "unknown"


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
