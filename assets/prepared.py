"""A prepared registry as a DuckDB file: made once per registry, read by every worker, run and resume after it.

Rules:
- It is named by the digest of all that decides what is in it: the registry's bytes, its columns, and the versions of
  this code and of DuckDB. A file with that name is whole, since it gets the name last.
- It saves time and decides nothing: where it cannot be written or read, each worker prepares for itself.
- One that nobody used for a week is removed.
"""

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import duckdb

from assets.matching.normalise import install_macros
from ledger.store.files import make_directory

VERSION: Final = 3
"""Raised where the same registry would be prepared otherwise."""

_FORGOTTEN_AFTER_S: Final = 7 * 24 * 3600.0
_DIGITS: Final = 32

_log = logging.getLogger(__name__)


def prepared_file(
    registry: Path, columns: Sequence[str], directory: Path, prepare: Callable[[duckdb.DuckDBPyConnection], None]
) -> Path | None:
    """Return the prepared file of a registry, made where it is not there; ``None`` where it cannot be kept.

    Args:
        registry: The registry's file.
        columns: Its columns that are prepared.
        directory: Where prepared registries are kept.
        prepare: Fills the tables in the connection it gets.
    """
    with registry.open("rb") as file:
        told = [hashlib.file_digest(file, "sha256").hexdigest(), list(columns), VERSION, duckdb.__version__]
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:_DIGITS]
    target = directory / f"{name}.duckdb"
    _forget(directory, target)
    if target.is_file():
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    temporary = directory / f".{name}.{os.getpid()}"
    try:
        make_directory(directory)
        with duckdb.connect(str(temporary)) as connection:
            prepare(connection)
        temporary.replace(target)
    except (duckdb.IOException, OSError) as error:
        _log.warning("the prepared registry cannot be kept in %s (%s); every worker prepares its own", directory, error)
        return None
    finally:
        for left in directory.glob(f"{temporary.name}*"):
            left.unlink(missing_ok=True)
    return target


def attach(connection: duckdb.DuckDBPyConnection, prepared: Path) -> bool:
    """Let a connection read a prepared registry; return whether it can."""
    quoted = str(prepared).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS prepared_registry (READ_ONLY)")
    except duckdb.Error as error:
        _log.warning("the prepared registry %s cannot be read (%s); it is prepared anew", prepared, error)
        return False
    connection.execute("USE prepared_registry")
    install_macros(connection)
    return True


def _forget(directory: Path, own: Path) -> None:
    """Remove what nobody used for a week."""
    oldest = time.time() - _FORGOTTEN_AFTER_S
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            if path != own and path.stat().st_mtime < oldest:
                path.unlink()
