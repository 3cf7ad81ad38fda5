"""The Parquet ledger: a directory with one immutable file per append.

Rules:
- Layout: ``FORMAT`` (one line) and ``loose/<stream hash>-<number>.parquet``.
- No shared file, lock or counter: writers meet only on the same stream and number, where exactly one wins.
- What a reader sees is the set of names in one directory listing; every name was complete before it appeared.
"""

import os
from pathlib import Path
from typing import Final

import pyarrow as pa

from ledger.errors import ConfigurationError, ConflictError, IntegrityError, MissingLedgerError
from ledger.events.batch import EventBatch
from ledger.events.digest_bulk import batch_digests
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store import files, loose
from ledger.store.memory import broken_chain_message, conflict_message
from ledger.store.protocol import EVERYTHING, EventQuery, LedgerStats, Problem, StreamHead
from ledger.store.scan import scan
from ledger.store.summary import summarise

_FORMAT_FILE: Final = "FORMAT"
_FORMAT_WORD: Final = "dagster-ledger"
_HEADS_KEPT: Final = 1024


class ParquetStore:
    """A ledger in a directory; safe for any number of processes and threads."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; nothing is read or made."""
        self._directory: Final = directory
        self._loose: Final = directory / "loose"
        self._heads: Final[dict[str, StreamHead]] = {}

    @classmethod
    def open(cls, directory: Path) -> "ParquetStore":
        """Return the ledger in an existing directory.

        Raises:
            MissingLedgerError: There is no ledger.
            IntegrityError: It has a newer format.
        """
        with files.explained("read", directory):
            exists = (directory / _FORMAT_FILE).is_file()
        if not exists:
            message = (
                f"there is no ledger at {directory}; make one with `dagster-ledger run`, or name another place with"
                " --ledger or DAGSTER_LEDGER_URI"
            )
            raise MissingLedgerError(message)
        _check_format(directory / _FORMAT_FILE)
        return cls(directory)

    @classmethod
    def create(cls, directory: Path) -> "ParquetStore":
        """Return the ledger in a directory, made first where there is none.

        Raises:
            ConfigurationError: The directory holds other things.
            StoreError: It cannot be made, or not be written.
        """
        marker = directory / _FORMAT_FILE
        with files.explained("make the ledger", directory):
            if not marker.is_file():
                if directory.is_dir() and any(not _may_precede(entry.name) for entry in directory.iterdir()):
                    message = f"{directory} is neither empty nor a ledger; choose another place with --ledger"
                    raise ConfigurationError(message)
                files.make_directory(directory)
                files.put_if_absent(marker, f"{_FORMAT_WORD} {FORMAT_VERSION}\n".encode())
            files.make_directory(directory / "loose")
            files.sweep(directory / "loose")
            files.check_writable(directory / "loose")
        return cls.open(directory)

    @property
    def uri(self) -> str:
        """The directory."""
        return str(self._directory)

    def append(self, batch: EventBatch) -> None:
        """Store a batch; see ``LedgerStore``."""
        if batch.number and not self._follows(batch):
            raise ConflictError(broken_chain_message(batch))
        path = self._loose / loose.file_name(batch.stream, batch.number)
        with files.explained("append to the ledger at", self._directory):
            made = files.put_if_absent(path, loose.encode(batch))
        if not made and loose.read_footer(path).digest != batch.digest:
            self._heads.pop(batch.stream, None)
            raise ConflictError(conflict_message(batch))
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        self._heads[batch.stream] = StreamHead(batch.number, batch.digest, batch.next_seq)

    def head(self, stream: str) -> StreamHead | None:
        """Return where a stream ends, found by galloping over its numbers: O(log n) look-ups."""
        if not self._has(stream, 0):
            return None
        step = 1
        while self._has(stream, step):
            step *= 2
        low, high = step // 2, step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(stream, middle) else (low, middle)
        footer = loose.read_footer(self._loose / loose.file_name(stream, low))
        return StreamHead(footer.number, footer.digest, footer.next_seq)

    def read(self, query: EventQuery = EVERYTHING) -> pa.Table:
        """Return the events of a query."""
        return scan(self._files(), query)

    def batch_keys(self) -> frozenset[str]:
        """Return the names of the files that are visible now."""
        with files.explained("read the ledger at", self._directory):
            if not self._loose.is_dir():
                return frozenset()
            return frozenset(name for name in os.listdir(self._loose) if _is_batch(name))  # noqa: PTH208 - 6x faster

    def read_batches(self, keys: frozenset[str]) -> pa.Table:
        """Return the events of some files."""
        return scan([self._loose / key for key in sorted(keys)])

    def stats(self) -> LedgerStats:
        """Return how large the ledger is."""
        paths = self._files()
        events = scan(paths, EventQuery(columns=("stream", "kind", "ts")))
        return summarise(self.uri, events, len(paths), sum(path.stat().st_size for path in paths))

    def problems(self) -> list[Problem]:
        """Return every file that is damaged, altered, misnamed, or whose predecessor is missing."""
        found: list[Problem] = []
        footers: dict[str, loose.Footer] = {}
        tables: list[pa.Table] = []
        for path in self._files():
            try:
                footer, rows = loose.read_footer(path), loose.read_rows(path)
            except (IntegrityError, OSError) as error:
                found.append(Problem(str(path), str(error)))
                continue
            if path.name != loose.file_name(footer.stream, footer.number):
                found.append(Problem(str(path), f"its footer says append {footer.number} of stream {footer.stream!r}"))
            else:
                footers[path.name] = footer
                tables.append(rows)
        digests = batch_digests(pa.concat_tables([SCHEMA.empty_table(), *tables]))
        return found + self._chain_problems(footers, digests)

    def _chain_problems(self, footers: dict[str, loose.Footer], digests: dict[tuple[str, int], str]) -> list[Problem]:
        """Return where a digest is not what the rows give, or a stream has a hole."""
        found = []
        for name, footer in sorted(footers.items()):
            where = str(self._loose / name)
            if footer.number and loose.file_name(footer.stream, footer.number - 1) not in footers:
                what = f"append {footer.number - 1} of stream {footer.stream!r}, which comes before it, is missing"
                found.append(Problem(where, what))
            elif digests.get((footer.stream, footer.number)) != footer.digest:
                what = f"the rows of append {footer.number} of stream {footer.stream!r} do not have its digest"
                found.append(Problem(where, what))
        return found

    def _files(self) -> list[Path]:
        return [self._loose / name for name in sorted(self.batch_keys())]

    def _has(self, stream: str, number: int) -> bool:
        with files.explained("read the ledger at", self._directory):
            return (self._loose / loose.file_name(stream, number)).exists()

    def _follows(self, batch: EventBatch) -> bool:
        """Return whether the batch before it is stored and has the digest this one names."""
        known = self._heads.get(batch.stream)
        if known is not None and known.number == batch.number - 1:
            return known.digest == batch.previous_digest
        try:
            before = loose.read_footer(self._loose / loose.file_name(batch.stream, batch.number - 1))
        except FileNotFoundError:
            return False
        return before.digest == batch.previous_digest and before.next_seq == batch.first_seq


def _is_batch(name: str) -> bool:
    return name.endswith(loose.SUFFIX) and not name.startswith(".")


def _may_precede(name: str) -> bool:
    """Return whether a killed first attempt to make the ledger may have left this name."""
    return name == "loose" or name.startswith(files.TEMPORARY_PREFIX)


def _check_format(marker: Path) -> None:
    """Raise where the ledger is of a format this release does not read."""
    with files.explained("read", marker):
        words = marker.read_text(encoding="utf-8", errors="replace").split()
    if len(words) != 2 or words[0] != _FORMAT_WORD or not words[1].isdigit():  # noqa: PLR2004 - word and version
        message = f"{marker} does not say `{_FORMAT_WORD} {FORMAT_VERSION}`; this directory is no ledger"
        raise IntegrityError(message)
    if int(words[1]) > FORMAT_VERSION:
        message = f"{marker.parent} has ledger format {words[1]}, this release reads up to {FORMAT_VERSION}; upgrade"
        raise IntegrityError(message)
