"""A prepared registry is kept, found again, and never decides what is linked."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.generate import generate
from assets.matcher import Matcher
from assets.matching.spec import Identifier, MatchSpec
from ledger.chunks import Resources
from ledger.units import MIB

ROWS = 500
RESOURCES = Resources(512 * MIB)


@pytest.fixture
def matcher(tmp_path) -> Matcher:
    made = generate(ROWS, 300, 3)
    pq.write_table(made.awards, tmp_path / "awards.parquet")
    pq.write_table(made.registry, tmp_path / "registry.parquet")
    spec = MatchSpec(tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage")))
    return Matcher(str(tmp_path / "awards.parquet"), str(tmp_path / "registry.parquet"), spec)


def linked(matcher: Matcher) -> pa.Table:
    with matcher(RESOURCES) as work:
        return work(0, ROWS)


def test_links_are_the_same_with_a_kept_registry_and_it_is_made_once(matcher, tmp_path):
    kept = matcher.kept_in(tmp_path / "kept", RESOURCES)
    (file,) = (tmp_path / "kept").iterdir()
    assert kept.prepared == str(file)
    assert linked(kept).equals(linked(matcher))
    inode = file.stat().st_ino
    assert matcher.kept_in(tmp_path / "kept", RESOURCES).prepared == str(file)
    assert file.stat().st_ino == inode
    assert kept.parameters == matcher.parameters


def test_another_registry_or_other_columns_are_prepared_apart(matcher, tmp_path):
    first = matcher.kept_in(tmp_path / "kept", RESOURCES)
    fewer = dataclasses.replace(matcher, spec=MatchSpec((Identifier("uei", "uei"),)))
    nameless = dataclasses.replace(matcher, spec=dataclasses.replace(matcher.spec, name_column=None))
    pq.write_table(generate(1, 301, 3).registry, tmp_path / "more.parquet")
    more = dataclasses.replace(matcher, registry=str(tmp_path / "more.parquet"))
    found = [one.kept_in(tmp_path / "kept", RESOURCES).prepared for one in (fewer, nameless, more)]
    assert len({first.prepared, *found}) == 4


@pytest.mark.parametrize("damage", ["cut", "garbage", "gone"])
def test_a_kept_registry_that_cannot_be_read_is_prepared_anew(matcher, tmp_path, damage):
    kept = matcher.kept_in(tmp_path / "kept", RESOURCES)
    (file,) = (tmp_path / "kept").iterdir()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100] if damage == "cut" else b"nothing that DuckDB wrote" * 1000)
    assert linked(kept).equals(linked(matcher))


def test_where_nothing_can_be_kept_each_worker_prepares(matcher, tmp_path):
    (tmp_path / "file").write_text("no directory")
    kept = matcher.kept_in(tmp_path / "file", RESOURCES)
    assert kept.prepared is None
    assert linked(kept).equals(linked(matcher))


def test_names_can_be_left_out(matcher):
    alone = dataclasses.replace(matcher, spec=dataclasses.replace(matcher.spec, name_column=None))
    found, whole = linked(alone), linked(matcher)
    by_name = [method in {"name_exact", "name_similar"} for method in whole.column("method").to_pylist()]
    keys = [None if named else key for named, key in zip(by_name, whole.column("key").to_pylist(), strict=True)]
    assert any(by_name)
    assert found.column("key").to_pylist() == keys
    assert "name_exact" not in found.column("method").to_pylist()
