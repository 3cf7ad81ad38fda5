"""Where sources come from: the companies of the snapshot by default, any other table by configuration."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from assets.matching.spec import KINDS, Identifier
from ledger.errors import ConfigurationError

DATA: Final = Path(__file__).parent / "data"


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
        name_column: Column of names, in both.
        key_column: Column of the registry's key, and of the truth's answer.
        identifiers: Identifier columns of the source, in the order they are tried.
        truth: Parquet or CSV file with ``row`` and the key; ``None`` where nobody knows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    registry: str
    name_column: str = "name"
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
    path = Path(place)
    if not path.is_file():
        message = f"there is no file {path}; correct the path in the configuration of the source"
        raise ConfigurationError(message)
    try:
        table = _read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        message = (
            f"{path} cannot be read as {path.suffix.lstrip('.') or 'Parquet'} ({str(error).splitlines()[0][:200]})"
        )
        raise ConfigurationError(message) from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        message = f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}"
        raise ConfigurationError(message)
    return table


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


def _read_csv(path: Path) -> pa.Table:
    """Return a CSV file as text: numbers would lose the leading zeros of identifiers."""
    names = pa_csv.open_csv(path).schema.names
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
    return pa_csv.read_csv(path, convert_options=options)
