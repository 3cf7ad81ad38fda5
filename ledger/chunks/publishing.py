"""Publishes files atomically: a reader sees the old version or the new one, never a mixture and never half a file.

Rules:
- A version is a directory named by the digest of its content; it is complete and synced before anything points to it.
- ``current`` is a symbolic link that is replaced by one rename. A failure before it leaves the published version as
  it was; publishing the same content again changes nothing.
- Tables are written in row groups of a fixed number of rows, whatever parts they come in, so that the same rows are the
  same bytes.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.chunks.parts import PLACE_SETTING
from ledger.store.files import explained, make_directory, sync_directory

CURRENT: Final = "current"
MANIFEST: Final = "manifest.json"
ROWS_PER_GROUP: Final = 122_880
"""What DuckDB writes by default: large enough to compress, small enough to read a part."""

_VERSIONS: Final = "versions"
_ABANDONED_AFTER_S: Final = 24 * 3600
_DIGEST_CHARACTERS: Final = 16

Fill: TypeAlias = Callable[[Path], None]
"""Writes one file at a path that does not exist yet."""


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """What was published: the directory, the digest of its content, and the size of its files in bytes."""

    directory: Path
    digest: str
    size_bytes: int


def publish(files: Mapping[str, Fill], target: Path, *, keep: int = 3) -> PublishedVersion:
    """Publish files as one version and return it.

    Args:
        files: File name to what writes it.
        target: Directory that holds ``current`` and the versions.
        keep: How many versions stay, the current one included.

    Raises:
        StoreError: The medium refused; what was published before is untouched.
    """
    with explained("publish into", target, PLACE_SETTING):
        make_directory(target / _VERSIONS)
        draft = target / _VERSIONS / f".draft-{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            for name, fill in sorted(files.items()):
                fill(draft / name)
                _sync(draft / name)
            found = _with_manifest(draft, sorted(files))
            version = target / _VERSIONS / found.digest[:_DIGEST_CHARACTERS]
            _name(draft, version)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _switch(target, version)
        _forget(target, keep)
    return PublishedVersion(version, found.digest, found.size_bytes)


@dataclass(frozen=True, slots=True)
class ParquetWriting:
    """Writes tables of ``ROWS_PER_GROUP`` rows each, but for the last, as one Parquet file, when it is called.

    Attributes:
        schema: Columns.
        tables: The tables, in order; gone through once.
    """

    schema: pa.Schema
    tables: Iterable[pa.Table]

    def __call__(self, path: Path) -> None:
        """Write the file, whose path does not exist yet."""
        with pq.ParquetWriter(path, self.schema.remove_metadata(), compression="zstd") as writer:
            for table in self.tables:
                # In one piece: where pieces meet, the writer would begin another page.
                whole = table.replace_schema_metadata(None).combine_chunks()
                writer.write_table(whole, row_group_size=ROWS_PER_GROUP)


def regrouped(tables: Iterable[pa.Table], rows: int = ROWS_PER_GROUP) -> Iterator[pa.Table]:
    """Yield the same rows in tables of ``rows`` rows each, but for the last: where tables met is not seen any more."""
    waiting: list[pa.Table] = []
    held = 0
    for table in tables:
        rest = table
        while rest.num_rows:
            piece = rest.slice(0, rows - held)
            rest = rest.slice(piece.num_rows)
            waiting.append(piece)
            held += piece.num_rows
            if held == rows:
                yield pa.concat_tables(waiting)
                waiting, held = [], 0
    if held:
        yield pa.concat_tables(waiting)


def _with_manifest(draft: Path, names: Iterable[str]) -> PublishedVersion:
    """Write what the files are, and return it."""
    digests, size_bytes = {}, 0
    for name in names:
        with (draft / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        size_bytes += (draft / name).stat().st_size
    manifest = (json.dumps({"files": digests}, indent=2, sort_keys=True) + "\n").encode()
    (draft / MANIFEST).write_bytes(manifest)
    _sync(draft / MANIFEST)
    sync_directory(draft)
    return PublishedVersion(draft, hashlib.sha256(manifest).hexdigest(), size_bytes)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _name(draft: Path, version: Path) -> None:
    """Give a draft its name; the same content may have it already."""
    if not version.is_dir():
        try:
            draft.rename(version)
        except OSError:
            # Another publisher of the same content may have been faster; its version is as good as ours.
            if not version.is_dir():
                raise
    os.utime(version)  # Its age counts from its latest publication, or it would go while readers have it.
    sync_directory(version.parent)


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
    """Remove the oldest versions, never the current one, and what killed publishers left."""
    current = (target / CURRENT).resolve()
    versions = sorted((target / _VERSIONS).glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for version in [path for path in versions if path.resolve() != current][max(keep - 1, 0) :]:
        # It loses its name first: whoever publishes its content again must not find half of it.
        with contextlib.suppress(OSError):
            version.rename(version.with_name(f".gone-{uuid.uuid4().hex}"))
    yesterday = time.time() - _ABANDONED_AFTER_S
    for left in (target / _VERSIONS).glob(".[gd]*-*"):
        with contextlib.suppress(OSError):
            if left.name.startswith(".gone-") or left.stat().st_mtime < yesterday:
                shutil.rmtree(left, ignore_errors=True)
