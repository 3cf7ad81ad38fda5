"""Dagster's home directory, made without importing Dagster."""

import os
from pathlib import Path
from typing import Final

from ledger.errors import StoreError

VARIABLE: Final = "DAGSTER_HOME"
_INSTANCE_FILE: Final = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


def make_home(home: Path) -> None:
    """Make a home of our own where there is none: without telemetry, which would write into the user's directory.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text(_INSTANCE_FILE, encoding="utf-8")
    except OSError as error:
        raise StoreError(_cannot(home, error)) from error


def prepare_home(project: Path) -> Path:
    """Return Dagster's home: the one that is set, else ``.dagster_home`` of the project with telemetry off.

    Raises:
        StoreError: It cannot be made.
    """
    named = os.environ.get(VARIABLE)
    home = Path(named).absolute() if named else project / ".dagster_home"
    if not named:
        make_home(home)
        return home
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(_cannot(home, error)) from error
    return home


def _cannot(home: Path, error: OSError) -> str:
    return f"cannot make Dagster's home {home} ({error.strerror}); set {VARIABLE} to another directory"
