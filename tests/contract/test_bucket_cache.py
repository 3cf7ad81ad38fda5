"""Copies of a bucket's objects on this machine: asked for once, never trusted when damaged, and nobody else's."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.store import objects
from ledger.store.objects import ObjectMedium
from tests.contract.conftest import address, make_bucket, set_environment, start_s3

NAME = "loose/0123-00000000.parquet"
CONFLICT = (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
ROOT = Path(__file__).parents[2]
SOON_S = 15.0


@pytest.fixture
def bucket(s3_uri):
    return ObjectMedium.of(s3_uri)


# The cache


def copies(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_what_was_read_is_asked_for_once(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    names = [f"loose/{number}" for number in range(10)]
    for name in names:
        medium.put_if_absent(name, name.encode())
    go_between.asked.clear()
    medium.paths(names)
    ObjectMedium.of(s3_uri).paths(names)
    medium.paths(names)
    assert go_between.asked == ["GET"] * 10
    medium.paths(names[:3], fresh=True)
    assert go_between.asked == ["GET"] * 13


def test_sizes_and_ages_of_a_listing_are_not_asked_for(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    for number in range(5):
        medium.put_if_absent(f"loose/{number}", b"12")
    go_between.asked.clear()
    names = medium.names("loose")
    assert [medium.size_bytes(name) for name in names] == [2] * 5
    assert all(medium.age_s(name) > -2 for name in names)
    assert go_between.asked == ["GET"]
    monkeypatch.setattr(objects, "_LISTED_FOR_S", -1.0)
    assert medium.size_bytes(names[0]) == 2
    assert go_between.asked == ["GET", "HEAD"]


def test_a_copy_answers_without_the_server_and_a_fresh_one_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_RETRIES", 1)
    server = start_s3()
    try:
        set_environment(monkeypatch, address(server), tmp_path)
        uri = f"s3://{make_bucket(address(server))}/ledger"
        medium = ObjectMedium.of(uri)
        medium.put_if_absent(NAME, b"1")
        medium.put_if_absent("loose/other", b"2")
        medium.paths([NAME])
    finally:
        server.stop()
    for opened in (medium, ObjectMedium.of(uri)):
        assert opened.paths([NAME])[0].read_bytes() == b"1"
    for names, fresh in (([NAME], True), (["loose/other"], False)):
        with pytest.raises(StoreError, match=r"cannot be reached|did not answer"):
            medium.paths(names, fresh=fresh)
    assert medium.paths([NAME])[0].read_bytes() == b"1"


def test_a_damaged_copy_is_replaced_by_a_fresh_one(bucket):
    bucket.put_if_absent(NAME, b"whole")
    path = bucket.paths([NAME])[0]
    path.write_bytes(b"wrong")
    assert bucket.paths([NAME])[0].read_bytes() == b"wrong"
    assert bucket.paths([NAME], fresh=True)[0].read_bytes() == b"whole"
    path.write_bytes(b"")  # As after a power cut.
    assert bucket.paths([NAME])[0].read_bytes() == b"whole"


def test_copies_of_what_is_gone_are_removed_at_the_next_listing(s3_uri, tmp_path, monkeypatch):
    medium, other = ObjectMedium.of(s3_uri), ObjectMedium.of(s3_uri)
    for name in ("loose/gone", "loose/kept", "segments/month=2026-01/gone", "segments/month=2026-01/kept"):
        medium.put_if_absent(name, b"1")
    medium.paths([*medium.names("loose"), *medium.names("segments", recursive=True)])
    other.remove(["loose/gone", "segments/month=2026-01/gone"])
    monkeypatch.setattr(objects, "_NEW_S", 3600.0)
    medium.names("loose")
    assert len(copies(tmp_path)) == 4  # Just made: the listing may have begun before its object.
    monkeypatch.setattr(objects, "_NEW_S", -60.0)
    medium.names("loose")
    assert [path.parent.name + "/" + path.name for path in copies(tmp_path)] == [
        "loose/kept",
        "month=2026-01/gone",
        "month=2026-01/kept",
    ]
    medium.names("segments", recursive=True)
    assert [path.name for path in copies(tmp_path)] == ["kept", "kept"]
    other.remove(["loose/kept"])
    assert medium.names("loose") == []
    assert [path.name for path in copies(tmp_path)] == ["kept"]


def test_a_copy_of_an_earlier_ledger_at_the_same_place_is_removed(s3_uri, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_NEW_S", -60.0)
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"of the earlier one")
    path = medium.paths([NAME])[0]
    medium.names("loose")
    assert path.exists()
    medium.remove([NAME])
    medium.put_if_absent(NAME, b"of the later one")
    medium.names("loose")
    assert medium.paths([NAME])[0].read_bytes() == b"of the later one"
    os.utime(path, (0, 0))  # Of the same size, made at another time.
    medium.names("loose")
    assert not path.exists()


def test_old_copies_and_what_killed_readers_left_are_removed(s3_uri, tmp_path, monkeypatch):
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    left = path.with_name(".tmp-1-killed")
    left.write_bytes(b"")
    ObjectMedium.of(s3_uri).paths([NAME])
    assert copies(tmp_path) == sorted([path, left])
    monkeypatch.setattr(objects, "_LEFT_FOR_S", -60)
    ObjectMedium.of(s3_uri).paths([NAME])
    assert copies(tmp_path) == [path]
    monkeypatch.setattr(objects, "_CACHED_FOR_S", -60)
    assert ObjectMedium.of(s3_uri).paths([NAME])[0].read_bytes() == b"1"


def test_the_same_address_elsewhere_has_copies_of_its_own(s3_uri, go_between, monkeypatch):
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    assert ObjectMedium.of(s3_uri).paths([NAME])[0] != path


def test_only_their_owner_reads_the_copies(bucket):
    bucket.put_if_absent(NAME, b"1")
    assert bucket.paths([NAME])[0].parents[1].stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_written_is_elsewhere_while_it_is_needed(s3_uri, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    assert path.read_bytes() == b"1"
    assert medium.paths([NAME]) == [path]
    del medium
    assert not path.exists()


def test_without_a_name_of_its_own_the_cache_is_the_users(s3_uri, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    assert medium.paths([NAME])[0].is_relative_to(tmp_path / ".cache" / "dagster-ledger")


@pytest.mark.parametrize("name", ["../outside", "loose/../../outside", "/etc/passwd", "loose//x"])
def test_a_name_cannot_lead_out_of_the_cache(bucket, name):
    with pytest.raises(StoreError, match="no ledger has such a name"):
        bucket.paths([name])


def test_readers_of_the_same_names_do_not_disturb_each_other(s3_uri):
    medium = ObjectMedium.of(s3_uri)
    names = [f"loose/{number:03d}" for number in range(40)]
    for name in names:
        medium.put_if_absent(name, name.encode() * 1000)

    def read(_):
        return [path.read_bytes() for path in ObjectMedium.of(s3_uri).paths(names, fresh=True)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(read, range(4)):
            assert found == [name.encode() * 1000 for name in names]
