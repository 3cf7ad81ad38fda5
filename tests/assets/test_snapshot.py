"""The committed snapshot: it is what its provenance says, and any damage to it is told in one sentence."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.snapshot import check
from assets.sources import DATA

ROOT = Path(__file__).parents[2]
PROVENANCE = json.loads((DATA / "provenance.json").read_text())
FILES = ["companies.parquet", "cusips.parquet", "registrants.parquet", "truth.parquet"]


@pytest.fixture
def copied(tmp_path):
    """The data of a copy of the repository's ``assets``, which its own ``assets.snapshot`` checks."""
    shutil.copytree(ROOT / "assets", tmp_path / "assets", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "assets" / "data"


def checked(root) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "assets.snapshot", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def flip(path, place) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_the_repository_holds_what_its_provenance_says():
    assert checked(ROOT) == (0, "", "")


def test_provenance_names_every_file_with_its_digest_and_its_rows():
    assert sorted(path.name for path in DATA.glob("*.parquet")) == FILES
    assert sorted(entry["file"] for entry in PROVENANCE["snapshots"]) == FILES
    for entry in PROVENANCE["snapshots"]:
        data = (DATA / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert pq.read_metadata(DATA / entry["file"]).num_rows == entry["rows"] > 0


def test_provenance_names_the_packages_their_versions_and_licences():
    assert {(entry["package"], entry["version"]) for entry in PROVENANCE["sources"]} == {
        ("pytickersymbols", "1.17.10"),
        ("edgartools", "5.62.1"),
    }
    licences = (DATA / "LICENSES.md").read_text()
    for entry in PROVENANCE["sources"]:
        assert entry["licence"] == "MIT"
        assert len(entry["sha256"]) == 64
        assert entry["package"] in licences
    assert "Wikipedia" in licences


@pytest.mark.parametrize(
    ("file", "place"), [("companies.parquet", 0), ("truth.parquet", -1), ("cusips.parquet", 1_000)]
)
def test_one_changed_byte_fails_with_one_sentence_that_names_the_file(copied, file, place):
    flip(copied / file, place)
    code, out, err = checked(copied.parents[1])
    assert (code, out) == (1, "")
    assert err.startswith(f"{file} is ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_every_damaged_file_is_named(copied):
    for file in FILES[:3]:
        flip(copied / file, 50)
    (copied / FILES[3]).unlink()
    problems = check(copied)
    assert [problem.split()[0] for problem in problems] == FILES
    assert "missing" in problems[3]


@pytest.mark.parametrize("content", [None, "", "{", "{}"], ids=["gone", "empty", "torn", "without snapshots"])
def test_a_provenance_that_cannot_be_read_is_one_problem_and_no_traceback(copied, content):
    (copied / "provenance.json").unlink()
    if content is not None:
        (copied / "provenance.json").write_text(content)
    (problem,) = check(copied)
    assert problem.startswith("provenance.json cannot be read")


def test_a_file_that_provenance_does_not_name_is_a_problem(copied):
    shutil.copy(copied / "truth.parquet", copied / "more.parquet")
    (problem,) = check(copied)
    assert problem.startswith("more.parquet is not in provenance.json")


def test_nothing_the_matcher_reads_of_a_company_tells_its_ticker():
    assert pq.read_schema(DATA / "companies.parquet").names == ["company_id", "index", "name", "country", "isins"]
    tickers = set(pq.read_table(DATA / "truth.parquet").column("ticker").to_pylist())
    companies = pq.read_table(DATA / "companies.parquet").to_pylist()
    assert not [row for row in companies if tickers & set(row["isins"])]
