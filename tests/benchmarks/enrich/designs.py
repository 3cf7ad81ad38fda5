"""Ways to link awards to a registry: a limit, what is simpler, what most people write first, and this pipeline.

Rules:
- Each reads the same two Parquet files and writes one: ``row`` and ``key``, this pipeline all its columns.
- Each runs in a process of its own, from files to file; what it prepares is counted.
- The peers see the identifiers as they are, but for what every engineer would do: nulls left out, one link per row.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import fuzz, process

from tests.benchmarks.enrich.pipeline import Ours

Design: TypeAlias = Callable[[Path, Path, Path], Mapping[str, float]]
"""Takes the awards, the registry and the file to write; returns what else it wants to be told, mostly nothing."""

_KINDS: Final = ("uei", "duns", "cage")
_CUTOFF: Final = 90


def scan_and_write(awards: Path, registry: Path, out: Path) -> Mapping[str, float]:
    """Read every column of the awards, write row and a text a row: no link can be made in less."""
    del registry
    file = pq.ParquetFile(awards)
    schema = pa.schema([("row", pa.int64()), ("key", pa.string())])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in file.iter_batches(65_536):
            writer.write_table(pa.table([batch.column("row"), batch.column("uei")], schema=schema))
    return {}


def identifiers_in_duckdb(awards: Path, registry: Path, out: Path) -> Mapping[str, float]:
    """Join on each identifier, the first that is found counts."""
    joins = "".join(map(_join, _KINDS))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW a AS FROM {_text(awards)}")
        connection.execute(f"CREATE VIEW r AS FROM {_text(registry)}")
        keys = ", ".join(f"{kind}_of.key" for kind in _KINDS)
        query = f'SELECT a."row", coalesce({keys}) AS key FROM a{joins} ORDER BY a."row"'  # noqa: S608 - constants
        connection.execute(f"COPY ({query}) TO {_text(out)} (FORMAT parquet, COMPRESSION zstd)")
    return {}


def identifiers_in_polars(awards: Path, registry: Path, out: Path) -> Mapping[str, float]:
    """Do the same in Polars' streaming engine."""
    frame, known = pl.scan_parquet(awards), pl.scan_parquet(registry)
    for kind in _KINDS:
        keys = known.filter(pl.col(kind).is_not_null()).group_by(kind).agg(pl.col("key").min().alias(f"{kind}_key"))
        frame = frame.join(keys, on=kind, how="left")
    found = frame.select("row", pl.coalesce([f"{kind}_key" for kind in _KINDS]).alias("key")).sort("row")
    found.collect(engine="streaming").write_parquet(out, compression="zstd")
    return {}


def pandas_loop(awards: Path, registry: Path, out: Path) -> Mapping[str, float]:
    """Write what most people write first: dictionaries, then the most similar name among those that begin alike."""
    left, right = pd.read_parquet(awards), pd.read_parquet(registry)
    by_kind = {kind: dict(zip(right[kind], right["key"], strict=True)) for kind in _KINDS}
    names: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, str] = {}
    for name, key in zip(right["name"].str.lower(), right["key"], strict=True):
        names[name[:6]].append(name)
        by_name[name] = key
    keys: list[str | None] = []
    for award in left.itertuples():
        key = next((by_kind[kind][value] for kind in _KINDS if (value := getattr(award, kind)) in by_kind[kind]), None)
        if key is None:
            wanted = award.name.lower()
            best = process.extractOne(
                wanted, names.get(wanted[:6], ()), scorer=fuzz.token_sort_ratio, score_cutoff=_CUTOFF
            )
            key = by_name[best[0]] if best else None
        keys.append(key)
    pd.DataFrame({"row": left["row"], "key": keys}).to_parquet(out, compression="zstd")
    return {}


def _join(kind: str) -> str:
    """Return the SQL that joins the keys of one identifier."""
    keys = f"SELECT {kind}, min(key) AS key FROM r WHERE {kind} IS NOT NULL GROUP BY {kind}"  # noqa: S608 - constants
    return f" LEFT JOIN ({keys}) {kind}_of ON a.{kind} = {kind}_of.{kind}"


def _text(path: Path) -> str:
    """Return a path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


LIMIT: Final = "scan and write (limit)"
IDENTIFIERS: Final = "identifiers alone, this pipeline"
COLD: Final = "this pipeline, in process, registry not seen before"
PIPELINE: Final = "this pipeline, in process"
ADVISED: Final = "this pipeline, chunks of 100,000"
"""What docs/tuning.md advises for as many rows."""

PROCESSES: Final = "this pipeline, two processes"
DESIGNS: Final[Mapping[str, Design]] = {
    LIMIT: scan_and_write,
    "identifiers alone, DuckDB": identifiers_in_duckdb,
    "identifiers alone, Polars streaming": identifiers_in_polars,
    IDENTIFIERS: Ours(by_name=False),
    "pandas loop, rapidfuzz": pandas_loop,
    COLD: Ours(keep=""),
    PIPELINE: Ours(),
    ADVISED: Ours(chunk_size=100_000),
    PROCESSES: Ours(workers=2),
}
"""Kept registries are made by the first round, and found by the later ones: with three rounds, medians are of these."""

SAME_BYTES: Final = (COLD, PIPELINE, ADVISED, PROCESSES)
"""What has to make the same file."""

NAMELESS: Final = (LIMIT,)
"""What links nothing, so that there is nothing to score."""
