"""Publishes tables atomically: a reader sees the old version or the new one, never a mixture and never half a file.

Rules:
- A version is a directory named by the digest of its content; it is complete and synced before anything points to it.
- ``current`` is a symbolic link that is replaced by one rename. A failure before it leaves the published version as
  it was; publishing the same content again changes nothing.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.store.files import sync_directory

CURRENT: Final = "current"
_VERSIONS: Final = "versions"
_DIGEST_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """What was published: the directory, the digest of its content, and its size in bytes."""

    directory: Path
    digest: str
    size_bytes: int


def publish(tables: Mapping[str, pa.Table], target: Path, *, keep: int = 3) -> PublishedVersion:
    """Publish tables as one version and return it.

    Args:
        tables: File stem to table; left untouched.
        target: Directory that holds ``current`` and the versions.
        keep: How many versions stay, the current one included.

    Raises:
        OSError: The medium refused; what was published before is untouched.
    """
    files = {f"{name}.parquet": _parquet(table) for name, table in sorted(tables.items())}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = (json.dumps({"files": digests}, indent=2, sort_keys=True) + "\n").encode()
    digest = hashlib.sha256(manifest).hexdigest()
    version = target / _VERSIONS / digest[:_DIGEST_CHARACTERS]
    if version.is_dir():
        os.utime(version)  # Its age counts from its latest publication, or it would go while readers have it.
    else:
        _write_version(files | {"manifest.json": manifest}, version)
    _switch(target, version)
    _forget(target, keep)
    return PublishedVersion(version, digest, sum(map(len, files.values())))


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    return buffer.getvalue()


def _write_version(files: Mapping[str, bytes], version: Path) -> None:
    """Write a version beside its final name, sync it, and give it the name."""
    version.parent.mkdir(parents=True, exist_ok=True)
    draft = version.parent / f".draft-{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        for name, data in files.items():
            with (draft / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_directory(draft)
        try:
            draft.rename(version)
        except OSError:
            # Another publisher of the same content may have been faster; its version is as good as ours.
            if not version.is_dir():
                raise
        sync_directory(version.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _switch(target: Path, version: Path) -> None:
    """Point ``current`` to a version by one rename."""
    link = target / f".{CURRENT}-{uuid.uuid4().hex}"
    link.symlink_to(version.relative_to(target), target_is_directory=True)
    try:
        link.replace(target / CURRENT)
    finally:
        link.unlink(missing_ok=True)
    sync_directory(target)


def _forget(target: Path, keep: int) -> None:
    """Remove the oldest versions, never the current one."""
    current = (target / CURRENT).resolve()
    versions = sorted((target / _VERSIONS).glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for version in [path for path in versions if path.resolve() != current][max(keep - 1, 0) :]:
        # It loses its name first: whoever publishes its content again must not find half of it.
        with contextlib.suppress(OSError):
            version.rename(version.with_name(f".gone-{uuid.uuid4().hex}"))
    for gone in (target / _VERSIONS).glob(".gone-*"):
        shutil.rmtree(gone, ignore_errors=True)
