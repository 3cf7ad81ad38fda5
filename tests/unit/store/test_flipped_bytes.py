"""A byte that changed on the medium, wherever it is: told as damage or without effect, nothing else."""

import pytest

from ledger.errors import IntegrityError, StoreError
from ledger.store import open_store
from tests.recorded import attempt


@pytest.mark.parametrize("flip", [0x01, 0xFF], ids=["one bit", "all bits"])
def test_a_flipped_byte_is_found_or_changes_nothing(tmp_path, flip):
    store = open_store(str(tmp_path / "ledger"), create=True)
    attempt(store, "r", "a", "failed", partition="p")
    before = store.read()
    (path,) = (tmp_path / "ledger" / "loose").glob("*.parquet")
    sound = path.read_bytes()
    found = 0
    for place in range(0, len(sound), 9):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ flip]) + sound[place + 1 :])
        if store.problems():
            found += 1
            continue
        try:
            assert store.read().equals(before), place
        except (IntegrityError, StoreError):
            found += 1
    path.write_bytes(sound)
    assert store.problems() == []
    assert found > len(sound) // 9 // 2
