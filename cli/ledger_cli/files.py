"""Files that a person names on the command line."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

_TEMPORARY: Final = 180
"""Characters of the name that the temporary file keeps, so that it stays within what a file system takes."""


def write_file(path: Path, data: bytes, what: str = "") -> None:
    """Write a file as a whole or not at all; into what is no file, such as a pipe, straight.

    Args:
        path: What was named.
        data: What goes in.
        what: What the file is, for the message.

    Raises:
        StoreError: It cannot be written.
    """
    from ledger.errors import StoreError

    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{place.name[:_TEMPORARY]}.{os.getpid()}")
    try:
        if place.exists() and not stat.S_ISREG(place.stat().st_mode) and not place.is_dir():
            place.write_bytes(data)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(place)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or str(error)
        named = f"{what} {path}".strip()
        message = f"cannot write {named} ({why}); name another path"
        raise StoreError(message) from error
