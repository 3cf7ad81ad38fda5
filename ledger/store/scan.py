"""Reads many Parquet files with DuckDB: an explicit list, never a glob, so that a reader sees one snapshot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from ledger.errors import IntegrityError, StoreError
from ledger.events.schema import COLUMNS, FORMAT_VERSION, SCHEMA
from ledger.store import loose
from ledger.store.protocol import EVERYTHING, EventQuery

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def scan(files: Sequence[Path], query: EventQuery = EVERYTHING) -> pa.Table:
    """Return the events of a query from these files, ordered by time, stream and position.

    Raises:
        IntegrityError: A file is damaged or of a newer format; the message names it.
        StoreError: The files could not be read.
    """
    columns = query.columns or COLUMNS
    if not files:
        return SCHEMA.empty_table().select(list(columns))
    where, parameters = _where(query)
    names = ", ".join(f'"{name}"' for name in columns)
    sql = (
        f"SELECT {names}, max(writer_version) OVER () AS newest"  # noqa: S608 - fixed column names
        f" FROM read_parquet(?, union_by_name := true){where} ORDER BY ts, stream, seq"
    )
    try:
        with duckdb.connect(config=_SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            table = connection.sql(sql, params=[[str(path) for path in files], *parameters]).to_arrow_table()
    except (duckdb.Error, UnicodeDecodeError) as error:  # DuckDB quotes damaged text, which may be no UTF-8.
        raise _blame(files, error) from error
    if table.num_rows and table.column("newest")[0].as_py() > FORMAT_VERSION:
        newest = table.column("newest")[0].as_py()
        message = f"the ledger holds format {newest}, this release reads up to {FORMAT_VERSION}; install a newer one"
        raise IntegrityError(message)
    wanted = pa.schema([SCHEMA.field(name) for name in columns])
    return table.select(list(columns)).cast(wanted)


def _where(query: EventQuery) -> tuple[str, list[Any]]:
    """Return the SQL condition of a query and its parameters, every value bound."""
    terms: list[str] = []
    parameters: list[Any] = []
    for column, wanted in (
        ("kind", query.kinds),
        ("asset", query.assets),
        ("metric", query.metrics),
        ("stream", query.streams),
    ):
        if wanted:
            terms.append(f"{column} IN (SELECT unnest(?))")
            parameters.append(list(wanted))
    if query.run_ids:
        terms.append("(" + " OR ".join("starts_with(run_id, ?)" for _ in query.run_ids) + ")")
        parameters.extend(query.run_ids)
    if query.since is not None:
        terms.append("ts >= ?")
        parameters.append(query.since)
    if query.until is not None:
        terms.append("ts < ?")
        parameters.append(query.until)
    return (" WHERE " + " AND ".join(terms) if terms else ""), parameters


def _blame(files: Sequence[Path], error: Exception) -> IntegrityError | StoreError:
    """Return the error that names the file at fault, since the engine's own text may not."""
    for path in files:
        try:
            loose.read_footer(path)
            loose.read_rows(path)
        except IntegrityError as damage:
            return damage
        except OSError as missing:
            return StoreError(f"cannot read {path}: {missing.strerror}; is another process removing ledger files?")
    detail = str(error).splitlines()[0][:200]
    return StoreError(f"DuckDB could not read the ledger below {files[0].parent}: {detail}")
