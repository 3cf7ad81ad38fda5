"""Stores: where event batches are kept. ``open_store`` picks one by its URI."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ledger.errors import ConfigurationError
from ledger.store.medium import Medium
from ledger.store.protocol import SealingStore

OBJECT_STORES: Final = ("s3", "gs", "az")
"""URI schemes of buckets."""


def open_store(uri: str, *, create: bool = False) -> SealingStore:
    """Return the store at a place.

    Args:
        uri: A directory, as a path or a ``file://`` URI, or a bucket and prefix: ``s3://``, ``gs://`` or ``az://``.
        create: Make the ledger where there is none; otherwise that is an error.

    Raises:
        ConfigurationError: The URI names a kind of place this release cannot use.
        MissingLedgerError: There is no ledger and ``create`` is false.
        StoreError: The place cannot be read or made.
    """
    from ledger.store.parquet import ParquetStore  # noqa: PLC0415 - loads pyarrow and DuckDB, which costs 300 ms

    medium = _medium(uri)
    return ParquetStore.create(medium) if create else ParquetStore.open(medium)


def _medium(uri: str) -> Medium:
    """Return what a URI names."""
    from ledger.store.directory import DirectoryMedium  # noqa: PLC0415 - only what opens a store needs it

    parts = urlsplit(uri)
    if parts.scheme == "" and uri.strip():
        return DirectoryMedium(Path(uri).expanduser())
    if parts.scheme == "file" and parts.path:
        return DirectoryMedium(Path(url2pathname(parts.path)))
    if parts.scheme in OBJECT_STORES:
        from ledger.store.objects import ObjectMedium  # noqa: PLC0415 - an extra

        return ObjectMedium.of(uri)
    message = (
        f"ledger location {uri!r} is neither a directory nor a file://, s3://, gs:// or az:// URI; give one of these"
    )
    raise ConfigurationError(message)
