"""One DuckDB for a process: making one takes 20 ms, ten times what most questions take.

Rules:
- It holds no data, only questions about files; each question has a cursor of its own, so threads do not meet.
- A forked child makes its own: the threads of its parent's are not there. The inherited one is kept, never closed,
  since closing waits for those threads.
"""

import os
import threading
from typing import Final

import duckdb

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_LOCK: Final = threading.Lock()
_BY_PID: Final[dict[int, duckdb.DuckDBPyConnection]] = {}


def cursor() -> duckdb.DuckDBPyConnection:
    """Return a cursor of this process's DuckDB, in UTC; the caller closes it."""
    with _LOCK:
        engine = _BY_PID.get(os.getpid())
        if engine is None:
            engine = _BY_PID[os.getpid()] = duckdb.connect(config=_SETTINGS)
            engine.execute("SET GLOBAL TimeZone = 'UTC'")
        return engine.cursor()


# A child forked while another thread holds the lock would wait for ever.
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)
