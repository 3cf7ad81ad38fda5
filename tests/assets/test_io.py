"""Tables between assets: each file is replaced as a whole, and a missing one says what to make first."""

import os
import resource

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.io import ParquetIOManager
from ledger.errors import ConfigurationError, StoreError

TABLE = pa.table({"a": ["x", None], "b": [[1], []]})


@pytest.fixture
def stages(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(tmp_path))
    return tmp_path / "stages"


def output(*path, partition=None):
    definition = dg.StaticPartitionsDefinition([partition]) if partition else None
    return dg.build_output_context(
        asset_key=dg.AssetKey(list(path)), partition_key=partition, asset_partitions_def=definition
    )


def test_a_table_comes_back_as_it_was_and_its_path_is_told(stages):
    manager, context = ParquetIOManager(), output("deep", "made")
    manager.handle_output(context, TABLE)
    assert [path.relative_to(stages).as_posix() for path in stages.rglob("*.*")] == ["deep/made.parquet"]
    assert manager.load_input(dg.build_input_context(asset_key=dg.AssetKey(["deep", "made"]))).equals(TABLE)
    assert context.get_logged_metadata()["path"].value == str(stages / "deep" / "made.parquet")


def test_a_partition_has_a_file_of_its_own(stages):
    for partition in ("2024", "2025"):
        ParquetIOManager().handle_output(output("made", partition=partition), TABLE)
    assert sorted(path.relative_to(stages).as_posix() for path in stages.rglob("*.parquet")) == [
        "made/2024.parquet",
        "made/2025.parquet",
    ]


def test_a_file_cut_short_by_the_medium_leaves_the_table_before_and_no_litter(stages):
    ParquetIOManager().handle_output(output("made"), TABLE)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            ParquetIOManager().handle_output(output("made"), pa.table({"a": list(range(100_000))}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert pq.read_table(stages / "made.parquet").equals(TABLE)
    assert [path.name for path in stages.iterdir()] == ["made.parquet"]


def test_a_missing_table_says_what_to_materialise_first(stages):
    with pytest.raises(ConfigurationError, match="materialise deep/made first") as raised:
        ParquetIOManager().load_input(dg.build_input_context(asset_key=dg.AssetKey(["deep", "made"])))
    assert str(stages / "deep" / "made.parquet") in str(raised.value)


def test_a_medium_that_refuses_the_rename_leaves_the_table_before_and_no_litter(stages, monkeypatch):
    ParquetIOManager().handle_output(output("made"), TABLE)

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreError, match="the disk is full"):
        ParquetIOManager().handle_output(output("made"), TABLE.slice(1))
    assert pq.read_table(stages / "made.parquet").equals(TABLE)
    assert [path.name for path in stages.iterdir()] == ["made.parquet"]
