"""Memory of this process that is its own: what a file mapped into memory takes can be taken back, and is not in it.

proc(5): ``RssAnon``, ``RssFile`` and ``RssShmem`` since Linux 4.5. Where they are not told, all resident memory counts.
"""

from pathlib import Path
from typing import Final

from ledger.measure.memory import rss_bytes

_STATUS: Final = Path("/proc/self/status")


def anonymous_bytes(status: Path = _STATUS) -> int:
    """Return the anonymous resident memory of this process in bytes."""
    found = _field(status, "RssAnon:")
    return rss_bytes() if found is None else found


def file_backed_bytes(status: Path = _STATUS) -> int:
    """Return the resident memory of this process that files back, in bytes; 0 where that is not told."""
    return (_field(status, "RssFile:") or 0) + (_field(status, "RssShmem:") or 0)


def _field(status: Path, name: str) -> int | None:
    try:
        text = status.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    _, found, rest = text.partition(name)
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else None
