"""The examples of docs/engines.md run as they stand there, and give what the ledger itself gives."""

import re
import runpy
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from ledger.store import delta, open_store
from ledger.store.protocol import EventQuery
from tests.recorded import attempt

pytestmark = pytest.mark.xdist_group("engines")

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()
ELSEWHERE = {"Spark", "Trino"}
"""Spark's are tried by tests/e2e/test_spark.py where it is installed; for Trino a server and a metastore are needed."""
MONTH = 31 * 24 * 60


def examples():
    """Return every example with the heading it stands below."""
    sections = re.split(r"^##+ (.+)\n", PAGE, flags=re.MULTILINE)[1:]
    return [
        (heading, language, code)
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
        for language, code in re.findall(r"```(python|sql)\n(.*?)```", text, re.DOTALL)
        if heading not in ELSEWHERE
    ]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A ledger with what may mislead: merged segments and compacted appends that are still there, and new appends."""
    place = tmp_path_factory.mktemp("engines")
    store = open_store(str(place / ".ledger"), create=True)
    for number in range(3):
        attempt(store, f"early-{number}", "companies", "success", minute=number, value=1.0 + number)
        store.compact(grace_s=3600.0)
    attempt(store, "late", "companies", "success", minute=MONTH, value=10.0)
    attempt(store, "late", "profile", "failed", minute=MONTH, value=0.5)
    store.compact(grace_s=3600.0)
    delta.export(store.medium)
    attempt(store, "new", "companies", "success", minute=2 * MONTH, value=100.0)
    return store


def means(rows):
    """Return the answer to the question of the page from rows of the ledger."""
    table = pl.from_arrow(rows).filter(pl.col("metric") == "duration_s")
    return table.group_by("asset").agg(pl.col("value").mean()).sort("asset").rows()


def told(ledger, heading):
    """Return what the examples below a heading have to give."""
    if heading in {"The ledger itself", "Both"}:
        return means(ledger.read())
    if heading == "Loose files":
        files = (Path(ledger.uri) / "loose").glob("*.parquet")
        return means(pl.concat([pl.read_parquet(file) for file in files], how="diagonal").to_arrow())
    return means(ledger.view().read(EventQuery(), "compacted"))


def as_rows(answer):
    if isinstance(answer, pd.Series):
        return list(answer.items())
    if isinstance(answer, duckdb.DuckDBPyRelation):
        return answer.fetchall()
    if isinstance(answer, pa.Table):
        return [tuple(row.values()) for row in answer.to_pylist()]
    return answer.rows()


@pytest.mark.parametrize(("heading", "language", "code"), examples(), ids=lambda told: told if "\n" not in told else "")
def test_an_example_gives_what_the_ledger_gives(ledger, tmp_path, monkeypatch, heading, language, code):
    monkeypatch.chdir(Path(ledger.uri).parent)
    if language == "sql":
        answer = duckdb.sql(code)
    else:
        (tmp_path / "example.py").write_text(code)
        answer = runpy.run_path(str(tmp_path / "example.py"))["answer"]
    assert dict(as_rows(answer)) == pytest.approx(dict(told(ledger, heading)))


def test_every_part_of_the_page_has_its_example():
    assert {heading for heading, *_ in examples()} == {
        "The ledger itself",
        "deltalake",
        "DuckDB",
        "Polars",
        "The segments that the record names",
        "All segments",
        "Loose files",
        "Both",
    }


def test_a_pattern_finds_events_twice_until_a_compaction_after_the_grace_period(ledger, tmp_path):
    """What the page warns of is so."""
    copy = open_store(str(shutil.copytree(ledger.uri, tmp_path / "copy")))
    pattern = f"'{copy.uri}/segments/month=*/*.parquet'"
    sql = f"SELECT count(*), count(DISTINCT (stream, seq)) FROM {pattern}"  # noqa: S608 - a path of this test
    assert duckdb.sql(sql).fetchall() == [(12 + 12 + 8, 12 + 8)]
    assert copy.read().num_rows == 12 + 8 + 4
    copy.compact(grace_s=0.0)
    assert duckdb.sql(sql).fetchall() == [(24, 24)]
    assert not list((Path(copy.uri) / "loose").glob("*.parquet"))


def test_a_checkpoint_of_the_log_misleads_the_pattern_that_the_page_warns_of(ledger, tmp_path):
    copy = shutil.copytree(ledger.uri, tmp_path / "copy")
    DeltaTable(str(copy / "segments")).create_checkpoint()
    found, all_files = (set((copy / "segments").glob(pattern)) for pattern in ("month=*/*.parquet", "**/*.parquet"))
    assert [path.parent.name for path in all_files - found] == ["_delta_log"]
    assert len(pd.read_parquet(copy / "segments")) == 12 + 12 + 8
