"""Stores: where event batches are kept. ``open_store`` picks one by its URI."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ledger.errors import ConfigurationError
from ledger.store.protocol import LedgerStore


def open_store(uri: str, *, create: bool = False) -> LedgerStore:
    """Return the store at a place.

    Args:
        uri: A directory, as a path or a ``file://`` URI.
        create: Make the ledger where there is none; otherwise that is an error.

    Raises:
        ConfigurationError: The URI names a kind of place this release cannot use.
        MissingLedgerError: There is no ledger and ``create`` is false.
        StoreError: The place cannot be read or made.
    """
    from ledger.store.directory import DirectoryMedium  # noqa: PLC0415 - only what opens a store needs it
    from ledger.store.parquet import ParquetStore  # noqa: PLC0415 - loads pyarrow and DuckDB, which costs 300 ms

    medium = DirectoryMedium(_directory(uri))
    return ParquetStore.create(medium) if create else ParquetStore.open(medium)


def _directory(uri: str) -> Path:
    """Return the directory a URI names."""
    parts = urlsplit(uri)
    if parts.scheme == "" and uri.strip():
        return Path(uri).expanduser()
    if parts.scheme == "file" and parts.path:
        return Path(url2pathname(parts.path))
    message = f"ledger location {uri!r} is neither a directory nor a file:// URI; give one of these"
    raise ConfigurationError(message)
