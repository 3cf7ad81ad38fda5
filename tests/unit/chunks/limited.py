"""``python -m tests.unit.chunks.limited SOURCE WORK OUT LIMIT_MIB``: a table made in chunks below a limit of memory.

Prints rows, chunks, the highest anonymous memory of a chunk in bytes, and what changed meanwhile, as JSON.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.stored import StoredTable
from ledger.chunks import (
    ChunkFunction,
    ChunkOptions,
    ParquetWriting,
    Parts,
    Plan,
    Resources,
    WatchedFile,
    regrouped,
    run,
)
from tests.unit.chunks.making import Heard

SCHEMA = pa.schema([("row", pa.int64()), ("length", pa.int32()), ("text", pa.string())])


@contextlib.contextmanager
def upper(source: StoredTable) -> Iterator[ChunkFunction]:
    def work(start: int, stop: int) -> pa.Table:
        table = source.read(start, stop)
        text = pc.utf8_slice_codeunits(pc.utf8_upper(table.column("text")), 0, 12)
        return pa.table([table.column("row"), pc.utf8_length(table.column("text")), text], schema=SCHEMA)

    yield work


def main(source: str, work: str, out: str, limit_mib: str) -> None:
    table = StoredTable(Path(source))
    watched = WatchedFile.read(table.path)
    plan = Plan(name="upper", rows=table.num_rows, inputs={"source": watched.sha256}, parameters={})
    limit = int(limit_mib) << 20 if limit_mib != "0" else None
    heard = Heard()

    def make(_: Resources) -> contextlib.AbstractContextManager[ChunkFunction]:
        return upper(table)

    finished = run(
        plan, Path(work), make, ChunkOptions(chunk_size=1_000_000, memory_limit_bytes=limit), heard, inputs=[watched]
    )
    ParquetWriting(SCHEMA, regrouped(Parts(Path(work)).tables(finished.chain)))(Path(out))
    told = {
        "rows": sum(chunk.rows_out for chunk in heard.chunks),
        "chunks": len(heard.chunks),
        "peak_bytes": max(chunk.peak_bytes for chunk in heard.chunks),
        "changes": [one.change for one in heard.adaptations],
        "deaths": len(heard.resumes[0][2]),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
