"""Sources and snapshot: what is missing or damaged is said in one sentence."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.snapshot import check
from assets.sources import DATA, SourceConfig, identifiers_of, read_table
from ledger.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def test_csv_is_read_as_text_so_that_leading_zeros_stay(tmp_path):
    (tmp_path / "s.csv").write_text("name,duns\nAcme,001234567\nApex,\n")
    table = read_table(str(tmp_path / "s.csv"), ("name", "duns"))
    assert table.column("duns").to_pylist() == ["001234567", None]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("gone.csv", None, "there is no file"),
        ("s.csv", b"name,duns\nAcme,1\n", "has no column uei; it has name, duns"),
        ("s.csv", b"", "cannot be read as csv"),
        ("s.csv", b"name,uei\nAcme\n", "cannot be read as csv"),
        ("s.parquet", b"PAR1 nonsense", "cannot be read as parquet"),
        ("s.txt", b"nonsense", "cannot be read as txt"),
    ],
)
def test_a_bad_source_is_told_with_its_path(tmp_path, name, content, sentence):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        read_table(str(path), ("name", "uei"))
    assert str(path) in str(raised.value)


def test_an_identifier_of_an_unknown_kind_is_refused_with_those_there_are():
    config = SourceConfig(source="s", registry="r", identifiers=({"column": "c", "kind": "lei"},))
    with pytest.raises(ConfigurationError, match="kind 'lei'; kinds are cusip, isin, uei, duns, cage"):
        identifiers_of(config)


def test_the_snapshot_is_what_its_provenance_says():
    provenance = json.loads((DATA / "provenance.json").read_text())
    assert check() == []
    assert {entry["file"] for entry in provenance["snapshots"]} == {path.name for path in DATA.glob("*.parquet")}
    for entry in provenance["snapshots"]:
        assert pq.read_metadata(DATA / entry["file"]).num_rows == entry["rows"]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_snapshot_is_named(tmp_path, damage):
    shutil.copytree(DATA, tmp_path / "data")
    target = tmp_path / "data" / "truth.parquet"
    if damage == "gone":
        target.unlink()
    else:
        data = bytearray(target.read_bytes())
        data[100] ^= 1
        target.write_bytes(data)
    (problem,) = check(tmp_path / "data")
    assert "truth.parquet is" in problem


def test_the_snapshot_can_be_checked_from_a_shell():
    done = subprocess.run(
        [sys.executable, "-m", "assets.snapshot", "--check"], cwd=ROOT, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_nothing_the_matcher_reads_of_a_company_tells_its_ticker():
    assert pq.read_schema(DATA / "companies.parquet").names == ["company_id", "index", "name", "country", "isins"]
