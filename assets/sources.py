"""Where sources come from: the companies of the snapshot by default, any other table by configuration."""

import os
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from assets.matching.spec import KINDS, SOURCE_SCHEMA_ROW, Identifier
from assets.stored import StoredTable
from ledger.chunks import PLACE_SETTING, ROWS_PER_GROUP, ParquetWriting, WatchedFile, regrouped
from ledger.errors import ConfigurationError
from ledger.store.files import explained, make_directory

DATA: Final = Path(__file__).parent / "data"
_SPELLABLE: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
"""Types whose values have one spelling as text."""


class IdentifierColumn(BaseModel):
    """An identifier column of a source and the kind of identifier it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    kind: str = Field(description=f"One of {', '.join(KINDS)}.")


class SourceConfig(BaseModel):
    """A source to match and the registry to match it to.

    Attributes:
        source: Parquet or CSV file with the rows to link.
        registry: Parquet or CSV file with the registry: its key, name and identifier columns named by kind.
        name_column: Column of names, in both; ``None`` links by identifiers alone.
        key_column: Column of the registry's key, and of the truth's answer.
        identifiers: Identifier columns of the source, in the order they are tried.
        truth: Parquet or CSV file with ``row`` and the key; ``None`` where nobody knows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    registry: str
    name_column: str | None = "name"
    key_column: str = "key"
    identifiers: tuple[IdentifierColumn, ...] = ()
    truth: str | None = None


def read_table(place: str, columns: tuple[str, ...]) -> pa.Table:
    """Return a Parquet or CSV file, every value as text where it is CSV.

    Args:
        place: The file.
        columns: Columns it must have.

    Raises:
        ConfigurationError: The file is missing, unreadable, or lacks a column.
    """
    path = _there(place)
    try:
        table = _read_csv(path) if _is_csv(path) else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    _check_names(path, table.column_names, columns)
    return table


def check_columns(place: str, columns: tuple[str, ...]) -> None:
    """Refuse a file that is missing, unreadable, or lacks a column, without reading its rows.

    Raises:
        ConfigurationError: As ``read_table`` does.
    """
    path = _there(place)
    try:
        names = pa_csv.open_csv(path).schema.names if _is_csv(path) else pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    _check_names(path, names, columns)


def stored_source(place: str, columns: tuple[str, ...], work: Path) -> StoredTable:
    """Return a source as a Parquet file that is read a range at a time; a CSV file is converted once, as text.

    Args:
        place: Parquet or CSV file.
        columns: Columns it must have, as text or whole numbers.
        work: Directory for what is converted, by the digest of the CSV file.

    Raises:
        ConfigurationError: The file is missing, unreadable, lacks a column, or holds another type in one, or it has a
            column ``row`` that does not count the rows from 0.
    """
    check_columns(place, columns)
    path = Path(place)
    try:
        stored = StoredTable(_converted(path, work) if _is_csv(path) else path)
        with_text(stored.schema.empty_table(), place, columns)
        if SOURCE_SCHEMA_ROW in stored.schema.names:
            _check_rows(stored, place)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    return stored


def with_text(table: pa.Table, place: str, columns: tuple[str, ...]) -> pa.Table:
    """Return a table with these columns as text: whole numbers are spelled out, other types are refused.

    Args:
        table: Left untouched.
        place: The file it comes from, for the message.
        columns: Columns it has.

    Raises:
        ConfigurationError: A column holds neither text nor whole numbers; a float has lost what it was read from.
    """
    for column in columns:
        values = table.column(column)
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        if not any(is_kind(kind) for is_kind in _SPELLABLE):
            message = f"column {column} of {place} holds {kind}; store names and identifiers as text"
            raise ConfigurationError(message)
        table = table.set_column(table.column_names.index(column), column, values.cast(pa.string()))
    return table


def read_truth(place: str, key_column: str) -> pa.Table:
    """Return ``row`` and ``key`` of the right answers.

    Raises:
        ConfigurationError: The file is unreadable, or a row is no number or answered twice.
    """
    table = with_text(read_table(place, (SOURCE_SCHEMA_ROW, key_column)), place, (SOURCE_SCHEMA_ROW, key_column))
    try:
        rows = table.column(SOURCE_SCHEMA_ROW).cast(pa.int64())
    except pa.ArrowInvalid as error:
        message = f"column row of {place} holds what is no row number ({error}); number the rows of the source from 0"
        raise ConfigurationError(message) from error
    if len(rows.unique()) != len(rows):
        message = f"{place} answers {len(rows) - len(rows.unique())} rows more than once; leave one answer per row"
        raise ConfigurationError(message)
    return pa.table({"row": rows, "key": table.column(key_column)})


def identifiers_of(config: SourceConfig) -> tuple[Identifier, ...]:
    """Return the identifier columns of a source.

    Raises:
        ConfigurationError: A kind has no normaliser.
    """
    for entry in config.identifiers:
        if entry.kind not in KINDS:
            message = f"identifier column {entry.column!r} has kind {entry.kind!r}; kinds are {', '.join(KINDS)}"
            raise ConfigurationError(message)
    return tuple(Identifier(entry.column, entry.kind) for entry in config.identifiers)


def registry_identifiers(registry: pa.Table, key_column: str, kinds: tuple[str, ...]) -> pa.Table:
    """Return ``kind``, ``value`` and ``key`` of a registry that has a column per kind."""
    parts = [
        pa.table(
            {
                "kind": pa.array([kind] * registry.num_rows, pa.string()),
                "value": registry.column(kind).cast(pa.string()),
                "key": registry.column(key_column).cast(pa.string()),
            }
        )
        for kind in kinds
        if kind in registry.column_names
    ]
    empty = pa.schema([("kind", pa.string()), ("value", pa.string()), ("key", pa.string())]).empty_table()
    return pa.concat_tables([empty, *parts])


def _there(place: str) -> Path:
    path = Path(place)
    if not path.is_file():
        message = f"there is no file {path}; correct the path in the configuration of the source"
        raise ConfigurationError(message)
    return path


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    said = (str(error).splitlines() or [type(error).__name__])[0][:200]
    message = (
        f"{path} cannot be read as {path.suffix.lstrip('.') or 'Parquet'} ({said});"
        " give a Parquet file, or a CSV file in UTF-8 named .csv"
    )
    return ConfigurationError(message)


def _check_names(path: Path, names: list[str], columns: tuple[str, ...]) -> None:
    """Refuse a file that lacks a column, or has one twice."""
    missing = [column for column in columns if column not in names]
    if missing:
        message = (
            f"{path} has no column {', '.join(missing)}; it has {', '.join(names)};"
            " correct the columns in the configuration of the source"
        )
        raise ConfigurationError(message)
    repeated = [column for column in columns if names.count(column) > 1]
    if repeated:
        message = f"{path} has more than one column {', '.join(repeated)}; rename all but one"
        raise ConfigurationError(message)


def _check_rows(stored: StoredTable, place: str) -> None:
    """Refuse a column ``row`` that says something else than the number of the row."""
    start = 0
    for table in stored.tables(ROWS_PER_GROUP, [SOURCE_SCHEMA_ROW]):
        numbers = pa.chunked_array([pa.array(range(start, start + table.num_rows), pa.int64())])
        if not table.column(SOURCE_SCHEMA_ROW).cast(pa.string()).equals(numbers.cast(pa.string())):
            message = f"column row of {place} does not count the rows from 0; rename it, or leave it away"
            raise ConfigurationError(message)
        start += table.num_rows


def _converted(path: Path, work: Path) -> Path:
    """Return a CSV file as Parquet, converted block by block."""
    watched = WatchedFile.read(path)
    target = work / f"{watched.sha256[:32]}.parquet"
    if target.is_file():
        return target
    make_directory(work)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with explained("write", target, PLACE_SETTING):
        try:
            with _opened_csv(path) as reader:
                tables = regrouped(pa.Table.from_batches([batch]) for batch in reader)
                ParquetWriting(reader.schema, tables)(temporary)
            watched.check()
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target


def _read_csv(path: Path) -> pa.Table:
    with _opened_csv(path) as reader:
        return reader.read_all()


def _opened_csv(path: Path) -> pa_csv.CSVStreamingReader:
    """Open a CSV file as text: numbers would lose the leading zeros of identifiers."""
    names = pa_csv.open_csv(path).schema.names
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
    return pa_csv.open_csv(path, convert_options=options)
