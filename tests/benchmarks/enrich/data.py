"""Awards and registries of the generator, made once per size, and how links are scored against what was generated."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.generate import generate

_GROUP_ROWS = 65_536
_SEED = 11


@dataclass(frozen=True, slots=True)
class Files:
    """Awards, registry and the right answers, as Parquet files."""

    awards: Path
    registry: Path
    truth: Path


def files(place: Path, awards: int, registry: int) -> Files:
    """Return files of so many rows; they are made where they are not there yet."""
    found = place / f"{awards}-awards-{registry}-companies"
    made = Files(*(found / f"{name}.parquet" for name in ("awards", "registry", "truth")))
    if not made.truth.is_file():
        found.mkdir(parents=True, exist_ok=True)
        tables = generate(awards, registry, _SEED)
        for table, path in ((tables.awards, made.awards), (tables.registry, made.registry), (tables.truth, made.truth)):
            _write(table, path)
    return made


def _write(table: pa.Table, path: Path) -> None:
    """Write a table in the row groups that a file of this size usually has; the last file written says all are."""
    temporary = path.with_suffix(".part")
    pq.write_table(table, temporary, compression="zstd", row_group_size=_GROUP_ROWS)
    temporary.replace(path)


def scored(links: Path, truth: Path) -> tuple[float, float]:
    """Return precision over the links of rows with an answer, and recall over the rows with an answer."""
    query = """
        SELECT count(*) FILTER (l.key = t.key) / count(l.key), count(*) FILTER (l.key = t.key) / count(*)
        FROM read_parquet($truth) t LEFT JOIN read_parquet($links) l USING ("row")
    """
    with duckdb.connect() as connection:
        row = connection.execute(query, {"truth": str(truth), "links": str(links)}).fetchone()
    precision, recall = row or (0.0, 0.0)
    return float(precision), float(recall)
