"""A table four times as large as the memory of a real control group is made to the end, and is the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.stored import StoredTable

MIB = 1 << 20
ALLOWED_MIB, THRESHOLD_MIB = 384, 320
ROWS, GROUP = 4_400_000, 100_000
ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


@pytest.fixture
def group():
    """A control group of this test with the limit, version 1 or 2."""
    found = None
    for root, limit in zip(ROOTS, ("memory.limit_in_bytes", "memory.max"), strict=True):
        place = root / f"dagster-ledger-test-{os.getpid()}"
        try:
            place.mkdir()
            (place / limit).write_text(str(ALLOWED_MIB * MIB))
            found = place
            break
        except OSError:
            if place.is_dir():
                place.rmdir()
    if found is None:
        pytest.skip("no control group with a memory limit can be made here; it takes root")
    yield found
    found.rmdir()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("large") / "source.parquet"
    text = pa.array([f"{number:09d} " + "an award of the second kind, " * 13 for number in range(1_000)])
    schema = pa.schema([("row", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, ROWS, GROUP):
            texts = pa.concat_arrays([text] * (GROUP // 1_000))
            writer.write_table(pa.table([pa.array(range(start, start + GROUP)), texts], schema=schema))
    return path


def made(source: Path, place: Path, limit_mib: int, group: Path | None = None) -> tuple[dict, bytes]:
    place.mkdir()
    words = [str(source), str(place / "work"), str(place / "out.parquet"), str(limit_mib)]
    command = [sys.executable, "-m", "tests.unit.chunks.limited", *words]
    if group is not None:
        command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), *command]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return json.loads(done.stdout), (place / "out.parquet").read_bytes()


@pytest.mark.slow
def test_a_table_larger_than_the_memory_of_a_control_group_is_made_within_it(source, group, tmp_path):
    size = sum(table.nbytes for table in StoredTable(source).tables(GROUP))
    assert size >= 4 * ALLOWED_MIB * MIB
    told, within = made(source, tmp_path / "within", THRESHOLD_MIB, group)
    assert told["rows"] == ROWS
    assert told["peak_bytes"] < THRESHOLD_MIB * MIB
    assert told["deaths"] == 0
    assert "grown" in told["changes"]
    assert told["chunks"] < 100, "what allocators keep must not make chunks small"
    _, without = made(source, tmp_path / "without", 0)
    assert within == without


@pytest.mark.slow
def test_without_a_threshold_the_kernel_kills_it_there(source, group, tmp_path):
    with pytest.raises(AssertionError, match=r"returncode=(-9|137)"):
        made(source, tmp_path / "killed", 0, group)
    told, _ = made(source, tmp_path / "killed" / "again", THRESHOLD_MIB, group)
    assert told["rows"] == ROWS
