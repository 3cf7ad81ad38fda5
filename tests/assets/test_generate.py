"""The generator of awards: its seed decides everything, its truth holds, and every kind of dirt is there."""

import itertools
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.generate import generate
from assets.matching.spec import Identifier, MatchSpec
from assets.quality import score
from assets.sources import registry_identifiers
from tests.assets.conftest import link

ROOT = Path(__file__).parents[2]
KINDS = ("uei", "duns", "cage")
AWARDS, COMPANIES = 2_000, 8_000


@pytest.fixture(scope="module")
def made():
    return generate(AWARDS, COMPANIES, 5)


@pytest.fixture(scope="module")
def pairs(made):
    """Awards whose company is in the registry, each with its registry entry."""
    entries = {entry["key"]: entry for entry in made.registry.to_pylist()}
    awards = made.awards.to_pylist()
    return [(awards[answer["row"]], entries[answer["key"]]) for answer in made.truth.to_pylist()]


def matched(made, kinds):
    spec = MatchSpec(tuple(Identifier(kind, kind) for kind in kinds))
    return link(
        made.awards, made.registry.select(["key", "name"]), registry_identifiers(made.registry, "key", KINDS), spec
    )


def test_a_seed_gives_the_same_tables_and_another_one_others(made):
    again, other = generate(AWARDS, COMPANIES, 5), generate(AWARDS, COMPANIES, 6)
    for name in ("awards", "registry", "truth"):
        assert getattr(made, name).equals(getattr(again, name))
        assert not getattr(made, name).equals(getattr(other, name))


@pytest.mark.parametrize(("awards", "registry"), [(0, 1), (1, 1), (7, 3), (100, 8_000)])
def test_tables_have_the_sizes_asked_for_and_fewer_rows_are_the_first_of_more(awards, registry):
    small, large = generate(awards, registry, 5), generate(awards + 50, registry, 5)
    assert (small.awards.num_rows, small.registry.num_rows) == (awards, registry)
    assert small.awards.equals(large.awards.slice(0, awards))
    assert small.registry.equals(large.registry)
    assert small.truth.equals(large.truth.slice(0, small.truth.num_rows))


def test_registry_keys_and_identifiers_are_all_different(made):
    for column in ("key", *KINDS):
        assert len(made.registry.column(column).unique()) == COMPANIES, column
    assert made.registry.column("name").null_count == 0


def test_the_truth_answers_rows_at_most_once_and_names_registered_companies(made):
    rows, keys = made.truth.column("row").to_pylist(), made.truth.column("key").to_pylist()
    assert rows == sorted(set(rows))
    assert set(rows) <= set(range(AWARDS))
    assert set(keys) <= set(made.registry.column("key").to_pylist())


@pytest.mark.parametrize("kind", KINDS)
def test_sound_identifiers_are_those_of_the_true_company(pairs, kind):
    sound = [
        (award[kind], entry[kind]) for award, entry in pairs if award[kind] and len(award[kind]) == len(entry[kind])
    ]
    same = sum(found == right for found, right in sound)
    assert same / len(sound) > 0.85


@pytest.mark.parametrize(
    ("dirt", "least"),
    [
        (lambda award, _: award["uei"] is None, 300),
        (lambda award, _: award["duns"] is None, 500),
        (lambda award, _: award["cage"] is None, 700),
        (lambda award, _: award["uei"] is award["duns"] is award["cage"] is None, 50),
        (lambda award, _: (award["uei"] or "").startswith("#"), 15),
        (lambda award, _: (award["cage"] or "").startswith("#"), 10),
        (lambda award, _: award["duns"] in {"000000000", "123456789", "999999999"}, 50),
        (lambda award, entry: len(award["duns"] or "") < 9 and award["duns"] == entry["duns"].lstrip("0"), 20),
        (lambda award, entry: "-" in (award["duns"] or "") and award["duns"].replace("-", "") == entry["duns"], 50),
        (lambda award, entry: award["name"] == f"THE {entry['name'].upper()}", 100),
        (lambda award, entry: award["name"] == f"{entry['name']}, Inc.", 100),
        (lambda award, entry: len(award["name"]) == len(entry["name"]) - 1, 100),
        (lambda award, entry: award["name"] != entry["name"] and sorted(award["name"]) == sorted(entry["name"]), 100),
        (lambda award, entry: not set(award["name"].upper().split()) & set(entry["name"].upper().split()), 10),
        (lambda award, entry: not award["name"].isascii() and award["name"] == entry["name"], 20),
    ],
    ids=[
        "no UEI", "no DUNS", "no CAGE", "no identifier", "corrupted UEI", "corrupted CAGE", "placeholder DUNS",
        "lost zeros", "hyphens", "article and case", "second legal form", "letter lost", "letters swapped", "renamed",
        "accents",
    ],
)  # fmt: skip
def test_every_kind_of_dirt_is_there(pairs, dirt, least):
    assert sum(bool(dirt(award, entry)) for award, entry in pairs) >= least


def test_companies_are_absent_and_rows_are_repeated(made):
    assert 0.02 < 1 - made.truth.num_rows / AWARDS < 0.06
    rows = [tuple(row[name] for name in ("name", *KINDS)) for row in made.awards.to_pylist()]
    repeated = sum(one == other for one, other in itertools.pairwise(rows))
    assert 0.02 < repeated / AWARDS < 0.08


def test_awards_are_linked_precisely_and_nearly_all(made):
    found = matched(made, KINDS)
    report = score(found, made.truth)
    assert report.precision >= 0.99
    assert report.recall >= 0.95
    assert {*KINDS, "name"} <= set(report.identifier_type_rows)
    for refusal in ("duns:placeholder", "uei:malformed", "cage:malformed"):
        assert report.refused_identifiers[refusal] > 0
    absent = set(range(AWARDS)) - set(made.truth.column("row").to_pylist())
    keys = found.column("key").to_pylist()
    assert sum(keys[row] is not None for row in absent) / len(absent) < 0.05


def test_identifiers_are_what_makes_it_so_and_the_first_that_is_sound_counts(made):
    every, none = score(matched(made, KINDS), made.truth), score(matched(made, ()), made.truth)
    assert none.recall < every.recall - 0.05
    last_first = score(matched(made, ("cage", "duns", "uei")), made.truth)
    assert last_first.identifier_type_rows["cage"] > every.identifier_type_rows["cage"]
    assert last_first.precision >= 0.99


def test_the_command_writes_the_three_tables_of_its_seed(tmp_path):
    command = [sys.executable, "-m", "assets.generate", "--awards", "50", "--registry", "80", "--seed", "3"]
    subprocess.run([*command, "--out", str(tmp_path / "new" / "deep")], cwd=ROOT, check=True)
    wanted = generate(50, 80, 3)
    for name in ("awards", "registry", "truth"):
        assert pq.read_table(tmp_path / "new" / "deep" / f"{name}.parquet").equals(getattr(wanted, name))
