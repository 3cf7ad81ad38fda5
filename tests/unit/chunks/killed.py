"""Programs for tests that kill: ``make PLACE VERSION WORKERS`` makes and publishes, ``read PLACE`` reads all the time.

The maker leaves a line in ``calls`` for each call of its function and a file ``publishing-<pid>`` before it publishes.
The reader stops once there is a file ``stop``, and says what it saw as JSON; half a version ends it with an error.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.chunks import ChunkFunction, ChunkOptions, ParquetWriting, Plan, PublishedVersion, Resources, publish, run
from tests.unit.chunks.making import Heard

ROWS, CHUNK, FILES = 6_000, 60, 12
SCHEMA = pa.schema([("row", pa.int64()), ("digest", pa.binary(16))])
_ROUNDS = 60


@dataclass(frozen=True)
class Digests:
    """Makes a digest of each row, which takes a while; what it makes depends on the version."""

    place: Path
    version: int

    @contextlib.contextmanager
    def __call__(self, _: Resources) -> Iterator[ChunkFunction]:
        yield self._work

    def _work(self, start: int, stop: int) -> pa.Table:
        with (self.place / "calls").open("ab", buffering=0) as calls:
            calls.write(f"{self.version} {start} {stop} {os.getpid()}\n".encode())
        return digests(self.version, start, stop)


def digests(version: int, start: int, stop: int) -> pa.Table:
    salt = version.to_bytes(4, "big")
    found = [hashlib.pbkdf2_hmac("sha256", row.to_bytes(8, "big"), salt, _ROUNDS, 16) for row in range(start, stop)]
    return pa.table([range(start, stop), found], schema=SCHEMA)


def published(tables: Iterator[pa.Table], version: int, target: Path) -> PublishedVersion:
    """Publish the rows in several files, which takes a while too, and the version beside them."""
    table = pa.concat_tables(tables)
    size = -(-ROWS // FILES)
    files = {f"{n:03}.parquet": ParquetWriting(SCHEMA, [table.slice(n * size, size)]) for n in range(FILES)}
    return publish({**files, "version": lambda path: path.write_text(str(version)) and None}, target)


def make(place: Path, version: int, workers: int) -> None:
    plan = Plan(name="digests", rows=ROWS, inputs={}, parameters={"version": version})
    # Deaths come in storms here, and none of them is a chunk's fault.
    options = ChunkOptions(chunk_size=CHUNK, workers=workers, retries=1_000, backoff_s=0.0, smallest_rows=CHUNK)
    finished = run(plan, place / "work" / plan.digest[:16], Digests(place, version), options, Heard())
    (place / f"publishing-{os.getpid()}").touch()
    published(finished.parts.tables(finished.chain), version, place / "out")
    finished.parts.remove()


def read(place: Path) -> None:
    """Read whatever is published, again and again, and hold it against its manifest and its name."""
    seen: list[int] = []
    reads = 0
    while not (place / "stop").exists():
        time.sleep(0.002)  # All the time, and yet not all of a core.
        if not (place / "out" / "current").exists():
            continue
        directory = (place / "out" / "current").resolve(strict=True)
        manifest = (directory / "manifest.json").read_bytes()
        assert hashlib.sha256(manifest).hexdigest().startswith(directory.name), directory
        told = json.loads(manifest)["files"]
        assert len(told) == FILES + 1, directory
        rows = 0
        for name, digest in told.items():
            data = (directory / name).read_bytes()
            assert hashlib.sha256(data).hexdigest() == digest, directory / name
            rows += pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows if name != "version" else 0
        assert rows == ROWS, directory
        version = int((directory / "version").read_text())
        if seen[-1:] != [version]:
            seen.append(version)
        reads += 1
    sys.stdout.write(json.dumps({"reads": reads, "versions": seen}) + "\n")


if __name__ == "__main__":
    verb, where, *rest = sys.argv[1:]
    if verb == "make":
        make(Path(where), *map(int, rest))
    else:
        read(Path(where))
