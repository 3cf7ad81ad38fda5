"""The Delta log over segments: other engines read what the ledger reads, and exporters do not hinder each other."""

import json
import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import CommitProperties, DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import RemoveAction
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import IntegrityError
from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.events.schema import SCHEMA
from ledger.store import delta, open_store
from ledger.store.delta import DeltaExport
from ledger.store.records import Segment
from tests.contract.conftest import KEY, SECRET, address, make_bucket, set_environment, start_s3
from tests.unit.store.delta_tables import (
    ENGINES,
    HELD,
    NOW,
    actions,
    assert_every_engine_reads_the_ledger,
    batch,
    by_arrow_dataset,
    by_datafusion,
    by_deltalake,
    by_polars,
    compacted,
    in_order,
    log_names,
    with_month,
)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "ledger"), create=True)


@pytest.fixture
def table(store):
    return str(Path(store.uri) / "segments")


def test_a_ledger_without_segments_is_an_empty_table(store, table):
    assert delta.export(store.medium) == DeltaExport(0, 0, 0, 0, 0, unchanged=False)
    assert delta.export(store.medium) == DeltaExport(0, 0, 0, 0, 0, unchanged=True)
    read = by_deltalake(table)
    assert read.num_rows == 0
    assert read.schema.names == [*SCHEMA.names, "month"]
    others = [by_arrow_dataset, by_datafusion, by_polars]
    assert [engine(table).shape for engine in others] == [(0, len(SCHEMA) + 1)] * len(others)


def test_every_engine_reads_what_the_ledger_reads(store, table):
    for number, days in enumerate((0, 40, 40, 75)):
        store.append(batch(stream=f"run/{number}", value=number, days=days))
    store.compact(grace_s=0.0)
    assert delta.export(store.medium) == DeltaExport(0, 3, 0, 3, 4, unchanged=False)
    assert_every_engine_reads_the_ledger(store, table)
    assert store.problems() == []


def test_filters_on_any_column_find_what_the_ledger_has(store, table):
    """A log that told of times alone, and did not say so, let delta-rs and all that read through it find nothing."""
    for number, days in enumerate((0, 40)):
        store.append(batch(stream=f"run/{number}", days=days))
    store.compact(grace_s=0.0)
    delta.export(store.medium)
    rows = store.read()
    conditions = [pc.field(name).is_null() for name in SCHEMA.names]
    conditions += [pc.field(name).is_valid() for name in SCHEMA.names]
    conditions += [pc.field(name) == rows.column(name).drop_null()[0] for name in SCHEMA.names if name in HELD]
    dataset = DeltaTable(table).to_pyarrow_dataset()
    told = [rows.filter(condition).num_rows for condition in conditions]
    assert [dataset.count_rows(filter=condition) for condition in conditions] == told
    DeltaTable(table).create_checkpoint()
    dataset = DeltaTable(table).to_pyarrow_dataset()
    assert [dataset.count_rows(filter=condition) for condition in conditions] == told
    sql = "SELECT count(*) AS found FROM events WHERE asset = 'a' AND metric IS NOT NULL AND \"check\" IS NULL"
    session = QueryBuilder().register("events", DeltaTable(table))
    with duckdb.connect() as connection:
        assert connection.register("events", dataset).sql(sql).fetchall() == [(6,)]
    assert pa.table(session.execute(sql).read_all()).to_pylist() == [{"found": 6}]
    assert pl.scan_delta(table).filter(pl.col("asset") == "a", pl.col("check").is_null()).collect().height == 6


def test_a_path_with_blanks_and_umlauts_is_read_by_all_but_polars(tmp_path):
    """Polars 2.1 looks for the escaped path; docs/engines.md says so."""
    store = open_store(str(tmp_path / "ein Länder 100%"), create=True)
    compacted(store)
    delta.export(store.medium)
    told = in_order(with_month(store.read()))
    table = str(Path(store.uri) / "segments")
    for engine in ENGINES:
        if engine is not by_polars:
            assert in_order(engine(table)).equals(told), engine.__name__
    with pytest.raises(FileNotFoundError):
        by_polars(table)


def test_types_and_required_columns_are_those_of_the_ledger(store, table):
    compacted(store)
    delta.export(store.medium)
    read = by_deltalake(table).schema
    assert pa.schema([*SCHEMA, pa.field("month", pa.string(), nullable=False)]).equals(read)


def test_appends_that_are_not_compacted_are_not_in_the_table(store, table):
    compacted(store)
    store.append(batch(stream="run/later"))
    assert delta.export(store.medium).appends == 1
    assert set(by_deltalake(table).column("stream").to_pylist()) == {"run/r"}


def test_an_export_again_writes_nothing(store, table):
    compacted(store)
    done = delta.export(store.medium)
    before = log_names(store)
    for _ in range(3):
        again = delta.export(open_store(store.uri).medium)
        assert (again.unchanged, again.version, again.files) == (True, done.version, 1)
    assert log_names(store) == before == ["0" * 20 + ".json"]


def test_a_later_export_has_the_later_events_and_one_version_more(store, table):
    last = None
    for number in range(3):
        last = batch(after=last, value=number, days=number)
        store.append(last)
        store.compact(grace_s=3600.0)
        done = delta.export(store.medium)
        assert (done.version, done.added, done.removed, done.files) == (number, 1, 0, number + 1)
        assert_every_engine_reads_the_ledger(store, table)
    history = DeltaTable(table).history()
    assert [entry["operationParameters"]["appends"] for entry in history] == ["3", "2", "1"]
    assert DeltaTable(table).transaction_version("dagster-ledger") == 3
    for version in range(3):
        assert DeltaTable(table, version=version).to_pyarrow_table().num_rows == 4 * (version + 1)


def test_merged_segments_are_exchanged_in_one_version_and_no_event_is_there_twice(store, table):
    last = None
    for day in range(3):
        last = batch(after=last, value=day, days=day)
        store.append(last)
        store.compact(grace_s=0.0)
        delta.export(store.medium)
    compacted(store, stream="run/later", days=45)
    done = delta.export(store.medium)
    assert (done.version, done.added, done.removed, done.files) == (3, 2, 3, 2)
    assert_every_engine_reads_the_ledger(store, table)
    pairs = by_deltalake(table).select(["stream", "seq"]).to_pydict()
    assert set(Counter(zip(*pairs.values(), strict=True)).values()) == {1}


def test_only_new_events_are_told_as_a_change_of_the_data(store):
    last = None
    for day in range(3):
        last = batch(after=last, value=day, days=day)
        store.append(last)
        store.compact(grace_s=0.0)
    delta.export(store.medium)
    compacted(store, stream="run/later", days=45)
    delta.export(store.medium)
    told = [(kind, entry["partitionValues"]["month"], entry["dataChange"]) for kind, entry in actions(store, 1)[2:]]
    assert sorted(told) == [("add", "2026-03", False), ("add", "2026-04", True), *[("remove", "2026-03", False)] * 3]


def test_an_earlier_version_is_there_as_long_as_its_files_are(store, table):
    last = batch()
    store.append(last)
    store.compact(grace_s=3600.0)
    delta.export(store.medium)
    old = in_order(with_month(store.read()))
    store.append(batch(after=last, value=7.0, days=1))
    store.append(batch(stream="run/later", days=45))
    store.compact(grace_s=3600.0)
    done = delta.export(store.medium)
    assert done.removed == 1
    assert in_order(DeltaTable(table, version=0).to_pyarrow_table()).equals(old)
    for record in (Path(store.uri) / "records").iterdir():
        os.utime(record, (0, 0))
    assert store.compact(grace_s=3600.0).removed > 0
    assert_every_engine_reads_the_ledger(store, table)
    with pytest.raises(FileNotFoundError):
        DeltaTable(table, version=0).to_pyarrow_table()


def test_an_export_after_a_compaction_heals_a_log_whose_files_are_gone(store, table):
    first = batch()
    store.append(first)
    store.compact(grace_s=0.0)
    delta.export(store.medium)
    store.append(batch(after=first))
    compacted(store, stream="run/later", days=45)
    with pytest.raises(FileNotFoundError):
        by_deltalake(table)
    delta.export(store.medium)
    assert_every_engine_reads_the_ledger(store, table)


def test_nobody_copies_or_touches_a_segment(store, table):
    compacted(store)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in Path(table).rglob("*.parquet")}
    delta.export(store.medium)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in Path(table).rglob("*.parquet")} == before


def test_a_ledger_that_was_moved_is_read_where_it_is(store, table, tmp_path):
    compacted(store)
    delta.export(store.medium)
    moved = tmp_path / "elsewhere"
    shutil.move(store.uri, moved)
    assert_every_engine_reads_the_ledger(open_store(str(moved)), str(moved / "segments"))


# What others do to the table.


def test_engines_refuse_to_delete_rows_and_vacuum_spares_what_is_not_exported(store, table):
    compacted(store)
    delta.export(store.medium)
    compacted(store, stream="run/later", days=45)
    for path in Path(table).rglob("*.parquet"):
        os.utime(path, (0, 0))
    with pytest.raises(CommitFailedError, match="append-only"):
        DeltaTable(table).delete("seq > 1")
    assert DeltaTable(table).vacuum(dry_run=False) == []
    with pytest.raises(DeltaError, match="retention"):
        DeltaTable(table).vacuum(retention_hours=0, dry_run=False)
    assert store.problems() == []
    delta.export(store.medium)
    assert_every_engine_reads_the_ledger(store, table)


def test_a_checkpoint_by_another_tool_does_not_disturb(store, table):
    last = None
    for number in range(3):
        last = batch(after=last, value=number)
        store.append(last)
        store.compact(grace_s=0.0)
        delta.export(store.medium)
        DeltaTable(table).create_checkpoint()
        assert_every_engine_reads_the_ledger(store, table)
    assert "_last_checkpoint" in log_names(store)
    assert store.problems() == []


def test_a_table_that_somebody_wrote_to_is_told_with_what_to_do(store, table):
    compacted(store)
    delta.export(store.medium)
    foreign = by_deltalake(table).slice(0, 1).drop_columns(["month"])
    (Path(table) / "foreign").mkdir()
    pa.parquet.write_table(foreign, Path(table) / "foreign" / "1.parquet")
    name = Path(store.uri) / delta.commit_name(1)
    added = {"path": "foreign/1.parquet", "partitionValues": {"month": "2026-03"}, "size": 1, "dataChange": True}
    name.write_text(json.dumps({"add": added | {"modificationTime": 0}}) + "\n")
    with pytest.raises(IntegrityError, match=r"it adds foreign/1.parquet.*; remove .*_delta_log, .* and export again"):
        delta.export(store.medium)
    shutil.rmtree(Path(store.uri) / delta.DIRECTORY)
    assert delta.export(open_store(store.uri).medium).version == 0
    assert_every_engine_reads_the_ledger(store, table)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]\n",
        b"7\n",
        b'{"add":{}}\n',
        b'{"add":1,"txn":2}\n',
        b"\xff\n",
        b'{"protocol":{"minReaderVersion":3}}\n',
    ],
)
def test_a_damaged_commit_is_named(store, damage):
    compacted(store)
    delta.export(store.medium)
    (Path(store.uri) / delta.commit_name(0)).write_bytes(damage)
    with pytest.raises(IntegrityError, match=r"0{20}\.json is no commit of an export .*; remove .* and export again"):
        delta.export(store.medium)


def test_a_missing_commit_is_named(store):
    last = None
    for number in range(3):
        last = batch(after=last, value=number)
        store.append(last)
        store.compact(grace_s=0.0)
        delta.export(store.medium)
    (Path(store.uri) / delta.commit_name(1)).unlink()
    with pytest.raises(IntegrityError, match=r"0{19}1\.json is missing; remove"):
        delta.export(store.medium)


def test_a_ledger_restored_from_an_older_copy_does_not_take_events_out_of_the_table(store, tmp_path):
    first = batch()
    store.append(first)
    store.compact(grace_s=3600.0)
    shutil.copytree(store.uri, tmp_path / "copy")
    store.append(batch(after=first))
    store.compact(grace_s=3600.0)
    delta.export(store.medium)
    shutil.copytree(Path(store.uri) / delta.DIRECTORY, tmp_path / "copy" / delta.DIRECTORY)
    with pytest.raises(IntegrityError, match="has 2 appends and the ledger 1 compacted ones"):
        delta.export(open_store(str(tmp_path / "copy")).medium)


def test_a_release_with_more_columns_widens_the_table_and_keeps_its_id(store, table, monkeypatch):
    compacted(store)
    monkeypatch.setattr(delta, "SCHEMA", pa.schema(list(SCHEMA)[:-1]))
    delta.export(store.medium)
    narrow = DeltaTable(table)
    assert narrow.to_pyarrow_table().column_names == [*SCHEMA.names[:-1], "month"]
    monkeypatch.undo()
    done = delta.export(store.medium)
    assert (done.version, done.added, done.removed, done.unchanged) == (1, 0, 0, False)
    assert DeltaTable(table).metadata().id == narrow.metadata().id
    assert_every_engine_reads_the_ledger(store, table)
    assert delta.export(store.medium).unchanged


# Exporters that race, and those that are killed.


MICROS = st.integers(-(10**15), 4 * 10**15)


@given(first=MICROS, span=st.integers(0, 10**12), rows=st.integers(1, 10**6))
def test_bounds_are_around_every_row_and_less_than_two_milliseconds_wide_of_them(first, span, rows):
    segment = Segment("segments/x", "2026-11", rows, 1, 0, 0, first, first + span, 1)
    told = json.loads(json.dumps(delta.statistics(segment)))
    low, high = (datetime.fromisoformat(told[name]["ts"]) for name in ("minValues", "maxValues"))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    before = first - (low - epoch) // timedelta(microseconds=1)
    beyond = (high - epoch) // timedelta(microseconds=1) - (first + span)
    assert 0 <= before < 1000
    assert 0 <= beyond < 1000
    assert told["numRecords"] == rows


def test_rows_at_the_edge_of_a_millisecond_are_found(store, table):
    event = MetricMeasured(asset="a", metric="m", value=1.0, unit="s")
    edges = (0, 1, 998, 999, 1000, 1001)
    moments = [NOW + timedelta(days=31 * month, microseconds=edge) for month, edge in enumerate(edges)]
    for number, moment in enumerate(moments):
        store.append(freeze(f"run/{number}", [(moment, event)]))
    store.compact(grace_s=0.0)
    assert delta.export(store.medium).files == len(edges)
    opened = DeltaTable(table)
    for moment in moments:
        text = moment.isoformat()
        sql = f"SELECT * FROM events WHERE ts >= '{text}' AND ts <= '{text}'"  # noqa: S608 - a time of this test
        assert pa.table(QueryBuilder().register("events", opened).execute(sql).read_all()).num_rows == 1
        assert opened.to_pyarrow_dataset().to_table(filter=pc.field("ts") == pa.scalar(moment)).num_rows == 1
        assert pl.scan_delta(table).filter(pl.col("ts") == moment).collect().height == 1


def test_largest_and_smallest_time_are_those_of_the_rows(store, table):
    store.append(batch(days=3))
    store.compact(grace_s=0.0)
    delta.export(store.medium)
    rows = store.read()
    told = pc.min_max(rows.column("ts")).as_py()
    sql = "SELECT min(ts) AS low, max(ts) AS high, count(*) AS events FROM events"
    (row,) = pa.table(QueryBuilder().register("events", DeltaTable(table)).execute(sql).read_all()).to_pylist()
    assert (row["low"], row["high"], row["events"]) == (told["min"], told["max"], rows.num_rows)


def test_what_is_known_of_the_library_is_still_so(store, table):
    """The decision in docs/adr/0008 rests on it: by default delta-rs lets the loser of a race commit as well."""
    last = batch()
    store.append(last)
    store.compact(grace_s=3600.0)
    delta.export(store.medium)
    (entry,) = (told for kind, told in actions(store, 0) if kind == "add")
    gone = [RemoveAction(entry["path"], data_change=False, deletion_timestamp=1)]
    schema = by_deltalake(table).schema
    first, second, third = DeltaTable(table), DeltaTable(table), DeltaTable(table)
    first.create_write_transaction(gone, "append", schema, ["month"])
    second.create_write_transaction(gone, "append", schema, ["month"])
    with pytest.raises(CommitFailedError):
        third.create_write_transaction(
            gone, "append", schema, ["month"], commit_properties=CommitProperties(max_commit_retries=0)
        )


# Buckets.


@pytest.fixture
def endpoint():
    server = start_s3()
    yield address(server)
    server.stop()


def test_the_log_of_a_bucket_is_read_from_the_bucket(endpoint, tmp_path, monkeypatch):
    set_environment(monkeypatch, endpoint, tmp_path)
    s3_uri = f"s3://{make_bucket(endpoint)}/teams/ledger"
    store = open_store(s3_uri, create=True)
    last = None
    options = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    for number in range(2):
        last = batch(after=last, value=number, days=number * 45)
        store.append(last)
        store.compact(grace_s=0.0)
        assert delta.export(store.medium).version == number
        assert delta.export(open_store(s3_uri).medium).unchanged
        told = in_order(with_month(store.read()))
        table = DeltaTable(f"{s3_uri}/segments", storage_options=options)
        assert in_order(table.to_pyarrow_table()).equals(told)
        assert in_order(pl.scan_delta(f"{s3_uri}/segments", storage_options=options).collect().to_arrow()).equals(told)
    assert store.problems() == []
