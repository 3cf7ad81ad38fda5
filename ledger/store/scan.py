"""Reads many Parquet files with DuckDB: an explicit list, never a glob, so that a reader sees one snapshot."""

from collections.abc import Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import IntegrityError, LedgerError, StoreError, VanishedError
from ledger.events.schema import COLUMNS, FORMAT_VERSION, SCHEMA
from ledger.store import loose, segments
from ledger.store.engine import cursor
from ledger.store.medium import Medium
from ledger.store.protocol import EVERYTHING, EventQuery

_VERSION: Final = "writer_version"
_TYPES: Final = {
    pa.string(): "VARCHAR",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.float64(): "DOUBLE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}
_COLUMNS: Final = ", ".join(
    f"'{field.name}': {{name: '{field.name}', type: '{_TYPES[field.type]}', default_value: NULL}}" for field in SCHEMA
)
# The schema is told, so that columns which older files lack are null, and no file is opened just to ask what it has.
_FILES: Final = f"read_parquet(?, schema := MAP {{{_COLUMNS}}})"
_NAMED_FILES: Final = f"read_parquet($files, schema := MAP {{{_COLUMNS}}})"


def scan(medium: Medium, names: Sequence[str], query: EventQuery = EVERYTHING) -> pa.Table:
    """Return the events of a query from these files, ordered by time, stream and position.

    Raises:
        IntegrityError: A file is damaged or of a newer format; the message names it.
        VanishedError: A file is gone.
        StoreError: The files could not be read.
    """
    columns = query.columns or COLUMNS
    if not names:
        return SCHEMA.empty_table().select(list(columns))
    where, parameters = _where(query)
    read = ", ".join(f'"{name}"' for name in dict.fromkeys([*columns, _VERSION]))
    sql = f"SELECT {read} FROM {_FILES}{where} ORDER BY ts, stream, seq"  # noqa: S608 - fixed column names
    table = _ask(medium, names, sql, parameters)
    newest = pc.max(table.column(_VERSION)).as_py() or 0
    if newest > FORMAT_VERSION:
        message = f"the ledger holds format {newest}, this release reads up to {FORMAT_VERSION}; install a newer one"
        raise IntegrityError(message)
    wanted = pa.schema([SCHEMA.field(name) for name in columns])
    return table.select(list(columns)).cast(wanted)


def distinct(medium: Medium, names: Sequence[str], column: str) -> frozenset[str]:
    """Return the values a text column has in these files, without null.

    Raises:
        LedgerError: As ``scan``.
    """
    if not names:
        return frozenset()
    sql = f'SELECT DISTINCT "{column}" AS name FROM {_FILES}'  # noqa: S608 - a column of ours
    return frozenset(_ask(medium, names, sql, []).column("name").drop_null().to_pylist())


def counted(medium: Medium, names: Sequence[str]) -> pa.Table:
    """Return ``kind``, ``events``, ``first_ts`` and ``last_ts`` of each kind, and ``streams`` of all of them.

    Raises:
        LedgerError: As ``scan``.
    """
    streams = f"(SELECT count(DISTINCT stream) FROM {_NAMED_FILES})"  # noqa: S608 - fixed columns
    counts = "count(*) AS events, min(ts) AS first_ts, max(ts) AS last_ts"
    sql = f"SELECT kind, {counts}, {streams} AS streams FROM {_NAMED_FILES} GROUP BY kind ORDER BY kind"  # noqa: S608 - fixed columns
    return _ask(medium, names, sql, None)


def _ask(medium: Medium, names: Sequence[str], sql: str, parameters: list[Any] | None) -> pa.Table:
    """Return the answer to a query over these files; with ``None`` the files are the parameter ``$files``."""
    try:
        files = [str(path) for path in medium.paths(names)]
        with cursor() as connection:
            params = {"files": files} if parameters is None else [files, *parameters]
            return connection.sql(sql, params=params).to_arrow_table()
    except FileNotFoundError as error:
        raise VanishedError(_vanished(medium.uri)) from error
    except (duckdb.Error, UnicodeDecodeError) as error:  # DuckDB quotes damaged text, which may be no UTF-8.
        raise _blame(medium, names, error) from error


def _where(query: EventQuery) -> tuple[str, list[Any]]:
    """Return the SQL condition of a query and its parameters, every value bound."""
    terms: list[str] = []
    parameters: list[Any] = []
    for column, wanted in (
        ("kind", query.kinds),
        ("asset", query.assets),
        ("metric", query.metrics),
        ("stream", query.streams),
        ("run_id", query.run_ids),
    ):
        if len(wanted) == 1:  # Told as a plain comparison, it is held against the statistics of each row group.
            terms.append(f"{column} = ?")
            parameters.append(wanted[0])
        elif wanted:
            terms.append(f"{column} IN (SELECT unnest(?))")
            parameters.append(list(wanted))
    if query.since is not None:
        terms.append("ts >= ?")
        parameters.append(query.since)
    if query.until is not None:
        terms.append("ts < ?")
        parameters.append(query.until)
    return (" WHERE " + " AND ".join(terms) if terms else ""), parameters


def _blame(medium: Medium, names: Sequence[str], error: Exception) -> LedgerError:
    """Return the error that names the file at fault, since the engine's own text may not."""
    for name in names:
        try:
            if segments.is_name(name):
                segments.decode(medium.read(name), medium.where(name))
            else:
                loose.read_whole(medium, name)
        except IntegrityError as damage:
            return damage
        except FileNotFoundError:
            return VanishedError(_vanished(medium.where(name)))
        except OSError as refused:
            return StoreError(f"cannot read {medium.where(name)}: {refused.strerror}")
        except StoreError as refused:
            return refused
    suspects = [name for name in names if _engine_refuses(medium, name)]
    if suspects:
        detail = str(error).splitlines()[0][:200]
        return IntegrityError(loose.damaged_message(medium.where(suspects[0]), detail))
    detail = str(error).splitlines()[0][:200]
    return StoreError(f"DuckDB could not read the ledger at {medium.uri}: {detail}")


def _engine_refuses(medium: Medium, name: str) -> bool:
    """Return whether DuckDB cannot read this file, whatever Arrow says of it."""
    try:
        with cursor() as connection:
            connection.sql("SELECT * FROM read_parquet(?)", params=[str(medium.paths([name])[0])]).to_arrow_table()
    except (duckdb.Error, UnicodeDecodeError):
        return True
    return False


def _vanished(where: str) -> str:
    return f"cannot read {where}: it is gone; is another process removing ledger files?"
