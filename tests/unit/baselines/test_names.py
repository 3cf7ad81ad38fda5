"""File names: safe, readable, and never shared by two assets."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.baselines import profile_name, relative_path

KEYS = st.lists(st.text("a_/.%@-ä\x00", min_size=1, max_size=5), min_size=1, max_size=3)


@given(KEYS, KEYS)
def test_two_assets_never_share_a_file(one, other):
    keys = ["/".join(part.replace("/", "+") for part in parts) for parts in (one, other)]
    assert (relative_path(keys[0], "p") == relative_path(keys[1], "p")) == (keys[0] == keys[1])


@given(st.text(min_size=1), st.text(min_size=1), st.none() | st.text(min_size=1))
def test_no_name_leads_out_of_the_directory(asset, profile, partition):
    if any("\ud800" <= letter <= "\udfff" for letter in asset + profile + (partition or "")):
        return
    path = PurePosixPath(relative_path(asset, profile, partition))
    assert len(path.parts) == 2
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.name.endswith(".json")
    assert path.as_posix().isascii()


@pytest.mark.parametrize(
    ("asset", "partition", "name"),
    [
        ("orders", None, "orders.json"),
        ("sales/orders", None, "sales__orders.json"),
        ("sales__orders", None, "sales_%5Forders.json"),
        ("orders", "2026-11-01", "orders@2026-11-01.json"),
        ("../../etc", None, "%2E%2E__%2E%2E__etc.json"),
    ],
)
def test_names_are_what_people_expect(asset, partition, name):
    assert relative_path(asset, "epyc-2", partition) == f"epyc-2/{name}"


def test_a_profile_is_named_after_the_machine():
    machine = "AMD EPYC, 2 cores, 32 GiB class, Linux, Python 3.11"
    assert profile_name(machine) == "amd-epyc-2-cores-32-gib-class-linux-python-3.11"
    assert profile_name("…") == "machine"
