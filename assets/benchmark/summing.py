"""What is made of linked awards: exact sums, quantiles, ranks, histories, fingerprints of names and an archive."""

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assets.benchmark.engine import steady_connection
from assets.generate import Numbers, draw

QUANTILES: Final = pa.schema(
    {
        "agency": pa.string(),
        "year": pa.int64(),
        "initials": pa.string(),
        "quantile": pa.float64(),
        "cents": pa.float64(),
    }
)
RANKS: Final = pa.schema({"agency": pa.string(), "row": pa.int64(), "cents": pa.int64(), "place": pa.int64()})
ARCHIVE: Final = pa.schema(
    {"column": pa.string(), "plain_bytes": pa.int64(), "archived_bytes": pa.int64(), "sha256": pa.string()}
)

_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_HASHES: Final = 24
_GRAM: Final = 3
_FISCAL_YEAR_BEGINS: Final = 10
"""Month in which the fiscal year of the United States begins, three months before the calendar's."""


def amounts_of(details: pa.Table) -> dict[int, int]:
    """Return the cents of each award, its modifications included, by row."""
    totals = zip(details.column("cents").to_pylist(), details.column("modified_cents").to_pylist(), strict=True)
    return dict(zip(details.column("row").to_pylist(), map(sum, totals), strict=True))


def company_spending(links: pa.Table, awards: pa.Table, amounts: Mapping[int, int]) -> pa.Table:
    """Return awards and exact dollars per company and fiscal year, ordered by both; unlinked awards have no company.

    Args:
        links: ``row`` and ``key``.
        awards: ``signed`` of the same rows in the same order.
        amounts: Cents by row, of more rows perhaps.
    """
    dollars: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    counts: Counter[tuple[str, int]] = Counter()
    columns = [links.column("row"), links.column("key"), awards.column("signed")]
    for row, key, signed in zip(*(column.to_pylist() for column in columns), strict=True):
        group = key or "", signed.year + (signed.month >= _FISCAL_YEAR_BEGINS)
        dollars[group] += Decimal(amounts[row]) / 100
        counts[group] += 1
    groups = sorted(dollars)
    return pa.table(
        {
            "key": pa.array([key for key, _ in groups], pa.string()),
            "fiscal_year": pa.array([year for _, year in groups], pa.int64()),
            "awards": pa.array([counts[group] for group in groups], pa.int64()),
            "dollars": pa.array([str(dollars[group]) for group in groups], pa.string()),
        }
    )


def amount_quantiles(awards: pa.Table, amounts: Mapping[int, int]) -> pa.Table:
    """Return quantiles of the amount in cents per agency, year and initials of the name, in long form."""
    groups: dict[tuple[str, int, str], list[int]] = defaultdict(list)
    columns = (awards.column(name).to_pylist() for name in ("row", "agency", "signed", "normal_name"))
    for row, agency, signed, name in zip(*columns, strict=True):
        groups[agency, signed.year, (name or "")[:2]].append(amounts[row])
    lines = [
        (*group, quantile, float(value))
        for group in sorted(groups)
        for quantile, value in zip(_QUANTILES, np.quantile(groups[group], _QUANTILES), strict=True)
    ]
    return _table(lines, QUANTILES)


def ranked_awards(awards: pa.Table, amounts: Mapping[int, int]) -> pa.Table:
    """Return the awards sorted by agency, year, falling amount and name, each with its place in its agency."""
    columns = (awards.column(name).to_pylist() for name in ("row", "agency", "signed", "normal_name"))
    keyed = sorted(
        (agency, signed.year, -amounts[row], name or "", row)
        for row, agency, signed, name in zip(*columns, strict=True)
    )
    places: Counter[str] = Counter()
    lines = []
    for agency, _, negative, _, row in keyed:
        places[agency] += 1
        lines.append((agency, row, -negative, places[agency]))
    return _table(lines, RANKS)


def award_history(links: pa.Table, awards: pa.Table, details: pa.Table) -> pa.Table:
    """Return per award, by company and day: the running total, the days since the last one, a moving mean."""
    with steady_connection() as connection:
        connection.register("links", links.select(["row", "key"]))
        connection.register("awards", awards.select(["row", "agency", "signed"]))
        connection.register("details", details.select(["row", "cents"]))
        return connection.sql("""
            SELECT row, key, agency, signed, cents,
                   sum(cents) OVER company::BIGINT AS running_cents,
                   date_diff('day', lag(signed) OVER company, signed) AS days_since,
                   avg(cents) OVER (company ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS moving_cents,
                   quantile_cont(cents, 0.9) OVER (PARTITION BY agency ORDER BY cents, row
                                                   ROWS BETWEEN 200 PRECEDING AND CURRENT ROW) AS near_cents,
                   quantile_cont(cents, 0.25) OVER (PARTITION BY agency, month(signed) ORDER BY signed, row
                                                    ROWS BETWEEN 200 PRECEDING AND CURRENT ROW) AS season_cents,
                   stddev_pop(cents) OVER (PARTITION BY agency ORDER BY signed, row
                                           ROWS BETWEEN 100 PRECEDING AND CURRENT ROW) AS spread_cents,
                   quantile_cont(cents, 0.5) OVER (PARTITION BY agency ORDER BY signed, row
                                                   ROWS BETWEEN 100 PRECEDING AND CURRENT ROW) AS usual_cents,
                   rank() OVER (PARTITION BY agency, year(signed) ORDER BY cents DESC, row) AS place
            FROM links JOIN awards USING (row) JOIN details USING (row)
            WINDOW company AS (PARTITION BY coalesce(key, '') ORDER BY signed, row)
            ORDER BY row
        """).to_arrow_table()


def name_fingerprints(names: pa.Table) -> pa.Table:
    """Return the MinHash of each name's trigrams (Broder 1997), 24 words of 64 bits, as the column ``fingerprint``.

    Args:
        names: ``row`` and ``normal_name``.
    """
    seeds = draw(np.arange(_HASHES, dtype=np.uint64), 7, 109) | np.uint64(1)
    made = [_fingerprint(name or "", seeds) for name in names.column("normal_name").to_pylist()]
    return pa.table({"row": names.column("row"), "fingerprint": pa.array(made, pa.binary(_HASHES * 8))})


def side_by_side(history: pa.Table, *others: pa.Table) -> pa.Table:
    """Return the history with the columns of other tables that have its rows, and perhaps more."""
    joined = history
    for other in others:
        joined = joined.join(other, keys="row", join_type="inner", use_threads=False)
    return joined.sort_by("row").combine_chunks()


def archived_awards(history: pa.Table) -> pa.Table:
    """Return how each column of the history compresses in Parquet: bytes before and after, and a digest.

    Each column is compressed, read back, compared, and digested.
    """
    lines = []
    for name in history.column_names:
        column = history.select([name])
        sink = io.BytesIO()
        pq.write_table(column, sink, compression="zstd", compression_level=9, use_dictionary=False)
        data = sink.getvalue()
        again = pq.read_table(io.BytesIO(data), use_threads=False)
        if not again.equals(column):
            message = f"column {name} changed in the archive"
            raise ValueError(message)
        lines.append((name, column.nbytes, len(data), hashlib.sha256(data).hexdigest()))
    return _table(lines, ARCHIVE)


def _table(lines: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Return lines as a table."""
    columns = list(zip(*lines, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _fingerprint(name: str, seeds: Numbers) -> bytes:
    """Return the least hash over a name's trigrams of bytes for each seed; blanks fill up short names."""
    letters = np.frombuffer(name.encode().ljust(_GRAM), np.uint8).astype(np.uint64)
    grams = letters[:-2] << np.uint64(16) | letters[1:-1] << np.uint64(8) | letters[2:]
    with np.errstate(over="ignore"):
        mixed = (grams[:, None] + np.uint64(1)) * seeds[None, :]
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    lowest: bytes = mixed.min(axis=0).tobytes()
    return lowest
