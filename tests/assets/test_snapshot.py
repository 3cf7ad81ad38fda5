"""The committed snapshot: it is what its provenance says, and any damage to it is told in one sentence."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.snapshot import EDITIONS, check
from assets.sources import DATA

ROOT = Path(__file__).parents[2]
PLACES = [edition.place for edition in EDITIONS]
FILES = ["companies.parquet", "cusips.parquet", "registrants.parquet", "truth.parquet"]


@pytest.fixture
def copied(tmp_path):
    """The data of a copy of the repository's ``assets``, which its own ``assets.snapshot`` checks."""
    shutil.copytree(ROOT / "assets", tmp_path / "assets", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "assets" / "data"


def provenance_of(place):
    return json.loads((DATA / place / "provenance.json").read_text())


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


@pytest.mark.parametrize("place", PLACES)
def test_provenance_names_every_file_with_its_digest_and_its_rows(place):
    here, provenance = DATA / place, provenance_of(place)
    assert sorted(path.name for path in here.glob("*.parquet")) == FILES
    assert sorted(entry["file"] for entry in provenance["snapshots"]) == FILES
    for entry in provenance["snapshots"]:
        data = (here / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert pq.read_metadata(here / entry["file"]).num_rows == entry["rows"] > 0
        assert pq.read_schema(here / entry["file"]).names == pq.read_schema(DATA / entry["file"]).names


@pytest.mark.parametrize("edition", EDITIONS, ids=PLACES)
def test_provenance_names_the_packages_their_versions_and_licences(edition):
    sources = provenance_of(edition.place)["sources"]
    assert {(entry["package"], entry["version"]) for entry in sources} == {
        (package.name, package.version) for package in (edition.indices, edition.registry)
    }
    licences = (DATA / "LICENSES.md").read_text()
    for entry in sources:
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


def test_damage_to_an_earlier_edition_is_told_with_its_place(copied):
    flip(copied / "earlier" / "1" / "truth.parquet", 9)
    (problem,) = check(copied)
    assert problem.startswith("earlier/1/truth.parquet is ")


def test_an_edition_that_nobody_named_is_a_problem(copied):
    (copied / "earlier" / "9").mkdir()
    (problem,) = check(copied)
    assert problem.startswith("earlier/9 is no edition")


def test_a_file_that_provenance_does_not_name_is_a_problem(copied):
    shutil.copy(copied / "truth.parquet", copied / "more.parquet")
    (problem,) = check(copied)
    assert problem.startswith("more.parquet is not in provenance.json")


def test_nothing_the_matcher_reads_of_a_company_tells_its_ticker():
    for here in (DATA / place for place in PLACES):
        assert pq.read_schema(here / "companies.parquet").names == ["company_id", "index", "name", "country", "isins"]
        tickers = set(pq.read_table(here / "truth.parquet").column("ticker").to_pylist())
        companies = pq.read_table(here / "companies.parquet").to_pylist()
        assert not [row for row in companies if tickers & set(row["isins"])]
