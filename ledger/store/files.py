"""Durable files: a name appears only after its content is on the medium, and never replaces another.

Rules:
- ``put_if_absent`` writes a hidden temporary file in the same directory, fsyncs it, links it to its final name, and
  fsyncs the directory. Until the link nobody can see anything; after the return a power cut loses nothing.
- Every operating-system error becomes one sentence with the path and what to do.
- Temporary files that a killed writer left are ignored by readers and swept after a day.
"""

import contextlib
import ctypes
import errno
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.errors import StoreError

TEMPORARY_PREFIX: Final = ".tmp-"
_APPEND_BYTES: Final = 4096
_SWEEP_AFTER_S: Final = 24 * 3600
_RENAME_NOREPLACE: Final = 1
_AT_FDCWD: Final = -100
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

_ADVICE: Final = {
    errno.ENOSPC: "the disk is full: free some space and run it again",
    errno.EDQUOT: "the disk quota is used up: free some space and run it again",
    errno.EROFS: "the file system is read-only: choose another place with {setting}",
    errno.EACCES: "permission is denied: change the owner or mode, or choose another place with {setting}",
    errno.EPERM: "the operation is not permitted there: choose another place with {setting}",
    errno.EIO: "the medium reported an input/output error: check the disk",
    errno.ENOTDIR: "a part of the path is a file, not a directory: choose another place with {setting}",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
}


@contextlib.contextmanager
def explained(action: str, path: Path, setting: str = "--ledger or DAGSTER_LEDGER_URI") -> Iterator[None]:
    """Turn an ``OSError`` raised inside into a ``StoreError`` of one sentence; a missing file stays what it is.

    Args:
        action: What was tried, for the sentence.
        path: Where.
        setting: What moves it to another place.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "").format(setting=setting) or f"{error.strerror or error}"
        message = f"cannot {action} {path}: {advice}"
        raise StoreError(message) from error


def make_directory(path: Path) -> None:
    """Create a directory and its parents durably; an existing one is left as it is."""
    if path.is_dir():
        return
    if path.parent != path:
        make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    sync_directory(path.parent)


def put_if_absent(path: Path, data: bytes | memoryview) -> bool:
    """Write a file that did not exist; return whether this call made it.

    Raises:
        OSError: The medium refused; nothing is visible under ``path``.
    """
    temporary = _temporary(path.parent)
    try:
        _write(temporary, data, durable=True)
        made = _link(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    # Also where another writer won: its name may not be durable yet, and we are about to rely on it.
    sync_directory(path.parent)
    return made


def check_writable(directory: Path) -> None:
    """Try to write as much as an append needs, so that a full or read-only place is told before any work begins.

    Raises:
        OSError: The medium refused.
    """
    temporary = _temporary(directory)
    try:
        _write(temporary, bytes(_APPEND_BYTES), durable=False)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(directory: Path) -> int:
    """Remove temporary files older than a day; return how many."""
    removed = 0
    oldest = time.time() - _SWEEP_AFTER_S
    for path in directory.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed


def _temporary(directory: Path) -> Path:
    """Return a name nobody else uses, and no reader looks at."""
    return directory / f"{TEMPORARY_PREFIX}{os.getpid()}-{uuid.uuid4().hex}"


def _write(path: Path, data: bytes | memoryview, *, durable: bool) -> None:
    """Write a new file; a durable one is on the medium when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary: Path, path: Path) -> bool:
    """Give a file its final name unless the name is taken; return whether it got it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS may report an error for a link that was made: the link count tells (open(2), O_EXCL over NFS).
        return temporary.stat().st_nlink > 1
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _rename_no_replace(temporary, path)
    return True


def _rename_no_replace(temporary: Path, path: Path) -> bool:
    """Rename where the file system has no hard links, but only if the kernel can refuse to replace."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOTSUP, "neither hard links nor renameat2 are available", str(path))
    result = rename(_AT_FDCWD, os.fsencode(temporary), _AT_FDCWD, os.fsencode(path), _RENAME_NOREPLACE)
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        return False
    raise OSError(code, os.strerror(code), str(path))
