"""Matches ranges of a stored source, in whatever process: what a worker of the chunk runner does in this pipeline.

Rules:
- The registry is prepared once and kept (``assets.prepared``), or by each worker where it cannot be kept; then a worker
  holds one range of the source at a time.
- Confidences are calibrated once, before the first chunk, by whoever makes the plan; workers only apply what was found.
- DuckDB may take six tenths of what the worker may, and three tenths where memory is short; what it cannot hold it
  spills to a directory of its own, which goes with the worker.
"""

import contextlib
import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from assets.matching.calibrate import UNCALIBRATED, Calibration, calibrate, sample_ranges
from assets.matching.match import match_range
from assets.matching.registry import prepare_registry
from assets.matching.spec import SOURCE_SCHEMA_ROW, MatchSpec
from assets.prepared import attach, prepared_file
from assets.sources import read_table, registry_identifiers, with_text
from assets.stored import StoredTable
from ledger.chunks import ChunkFunction, Resources
from ledger.events import Json
from ledger.units import MIB

VERSION: Final = 2
"""Raised where the same rows would be matched otherwise."""

_SHARE: Final = 0.6
_TIGHT_SHARE: Final = 0.3
_LEAST_BYTES: Final = 64 * MIB

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Matcher:
    """What matches a source to a registry; it can be pickled.

    Attributes:
        source: Parquet file of the rows.
        registry: Parquet or CSV file of the registry.
        spec: How to match.
        key_column: Key of the registry.
        prepared: File of the prepared registry; ``None`` where each worker prepares it.
        calibration: What confidences are made by.
    """

    source: str
    registry: str
    spec: MatchSpec
    key_column: str = "key"
    prepared: str | None = None
    calibration: Calibration = UNCALIBRATED

    def kept_in(self, directory: Path, resources: Resources) -> "Matcher":
        """Return a matcher whose registry is prepared, now or already, in a directory.

        Args:
            directory: Where prepared registries are kept.
            resources: What preparing may take.
        """

        def prepare(connection: duckdb.DuckDBPyConnection) -> None:
            with tempfile.TemporaryDirectory(prefix="dagster-ledger-") as spill:
                _limit(connection, resources, spill)
                self._prepare(connection)
                connection.execute("CHECKPOINT")

        columns = (self.key_column, *self._name, "", *self._kinds)
        found = prepared_file(Path(self.registry), columns, directory, prepare)
        return dataclasses.replace(self, prepared=None if found is None else str(found))

    @property
    def parameters(self) -> dict[str, Json]:
        """What decides the result besides the files."""
        return {
            "version": VERSION,
            "key_column": self.key_column,
            "spec": dataclasses.asdict(self.spec),
            "calibration": self.calibration.parameters,
        }

    def calibrated(self, resources: Resources) -> "Matcher":
        """Return a matcher with confidences that are calibrated on a sample of the source.

        Rows that cannot be read calibrate nothing, and are told by the chunk they are in.

        Args:
            resources: What may be taken for it.
        """
        if not self.spec.identifiers or self.spec.name_column is None:
            return self
        source, sample = StoredTable(Path(self.source)), []
        for start, stop in sample_ranges(source.num_rows):
            try:
                sample.append(self._rows(source, start, stop))
            except (OSError, pa.ArrowException):
                _log.warning("rows %d to %d cannot be read, and calibrate nothing", start, stop - 1)
        if not sample:
            return self
        with self._connected(resources) as connection:
            found = calibrate(connection, pa.concat_tables(sample), self.spec)
        return dataclasses.replace(self, calibration=found)

    @property
    def _name(self) -> tuple[str, ...]:
        """The name column, where names are matched."""
        return () if self.spec.name_column is None else (self.spec.name_column,)

    @contextlib.contextmanager
    def __call__(self, resources: Resources) -> Iterator[ChunkFunction]:
        """Prepare the registry, and give the function that matches rows ``[start, stop)``."""
        source = StoredTable(Path(self.source))
        with self._connected(resources) as connection:
            yield lambda start, stop: self.calibration.applied(
                match_range(connection, self._rows(source, start, stop), 0, stop - start, self.spec)
            )

    @contextlib.contextmanager
    def _connected(self, resources: Resources) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection that holds the registry."""
        with tempfile.TemporaryDirectory(prefix="dagster-ledger-") as spill, duckdb.connect() as connection:
            _limit(connection, resources, spill)
            if self.prepared is None or not attach(connection, Path(self.prepared)):
                self._prepare(connection)
            yield connection

    @property
    def _kinds(self) -> tuple[str, ...]:
        """Identifier columns of the registry."""
        return tuple(dict.fromkeys(one.registry_kind for one in self.spec.identifiers))

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        kinds = self._kinds
        named = (self.key_column, *self._name)
        columns = (*named, *kinds)
        registry = with_text(read_table(self.registry, columns), self.registry, columns)
        names = registry.select(named).rename_columns(["key", "name"]) if self._name else None
        prepare_registry(connection, names, registry_identifiers(registry, self.key_column, kinds))

    def _rows(self, source: StoredTable, start: int, stop: int) -> pa.Table:
        """Return rows of the source as they are matched: numbered, names and identifiers as text."""
        columns = tuple(dict.fromkeys((*self._name, *(one.column for one in self.spec.identifiers))))
        table = with_text(source.read(start, stop, columns), self.source, columns)
        for column in columns:
            _check_text(table, column, start)
        return table.append_column(SOURCE_SCHEMA_ROW, pa.array(range(start, stop), pa.int64()))


def _check_text(table: pa.Table, column: str, start: int) -> None:
    """Refuse bytes that are no text: Parquet does not look, and DuckDB gives up all it holds when it meets them."""
    try:
        table.column(column).cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        message = f"column {column} holds what is not UTF-8 in rows {start} to {start + table.num_rows - 1}"
        raise pa.ArrowInvalid(message) from error


def _limit(connection: duckdb.DuckDBPyConnection, resources: Resources, spill: str) -> None:
    """Tell DuckDB what it may take, and where it spills."""
    quoted = spill.replace("'", "''")
    connection.execute(f"SET temp_directory = '{quoted}'")
    connection.execute("SET enable_progress_bar = false")  # It would draw into logs; progress is told by chunks.
    threads = 1 if resources.is_tight else resources.threads
    if threads is not None:
        connection.execute(f"SET threads = {threads}")
    if resources.memory_limit_bytes is None:
        return
    share = _TIGHT_SHARE if resources.is_tight else _SHARE
    allowed = max(int(resources.memory_limit_bytes * share), _LEAST_BYTES)
    connection.execute(f"SET memory_limit = '{allowed // MIB}MiB'")
