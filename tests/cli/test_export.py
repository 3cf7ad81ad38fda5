"""``ledger export delta``: what it says, in words and in JSON, and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from ledger.errors import MissingLedgerError
from ledger.store import delta as delta_log
from ledger.store import open_store
from ledger_cli.export import export
from tests.recorded import attempt


@pytest.fixture
def store(tmp_path):
    made = open_store(str(tmp_path / "ledger"), create=True)
    attempt(made, "run-1", "a", "success")
    attempt(made, "run-2", "a", "failed", minute=5)
    made.compact(grace_s=0.0)
    return made


def said(store, *words):
    done = CliRunner().invoke(export, ["delta", "--ledger", store.uri, *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_it_says_what_it_did_and_what_is_in_the_table(store):
    table = Path(store.uri) / "segments"
    assert said(store) == f"{table}: version 0, 2 appends in 1 files; 1 files added, 0 taken out\n"
    assert said(store) == f"{table}: version 0, 2 appends in 1 files; nothing new\n"
    assert DeltaTable(str(table)).to_pyarrow_table().num_rows == store.read().num_rows


def test_it_says_how_many_appends_are_not_compacted(store):
    attempt(store, "run-3", "a", "success", minute=10)
    assert said(store).endswith("\n1 append is not compacted yet: `dagster-ledger ledger compact`\n")
    (one,) = (Path(store.uri) / "loose").glob("*.parquet")
    for number in range(1_233):  # Only their names are looked at.
        one.with_name(f"{number:032x}-00000000.parquet").hardlink_to(one)
    assert said(store).endswith("\n1,234 appends are not compacted yet: `dagster-ledger ledger compact`\n")


def test_it_says_the_same_to_programs(store):
    attempt(store, "run-3", "a", "success", minute=10)
    assert json.loads(said(store, "--format", "json")) == {
        "table": str(Path(store.uri) / "segments"),
        "version": 0,
        "added": 1,
        "removed": 0,
        "files": 1,
        "appends": 2,
        "unchanged": False,
        "not_compacted": 1,
    }


def test_a_damaged_log_is_one_sentence_with_code_4(store, tmp_path):
    said(store)
    (Path(store.uri) / delta_log.commit_name(0)).write_text("{")
    done = CliRunner().invoke(export, ["delta", "--ledger", store.uri])
    assert isinstance(done.exception, delta_log.IntegrityError)
    assert len(str(done.exception).splitlines()) == 1


def test_where_there_is_no_ledger_none_is_made(tmp_path):
    done = CliRunner().invoke(export, ["delta", "--ledger", str(tmp_path / "none")])
    assert isinstance(done.exception, MissingLedgerError)
    assert not (tmp_path / "none").exists()
