"""What was altered behind the ledger's back is found and named; what was not is never suspected."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ledger.errors import IntegrityError, MissingLedgerError
from ledger.store import open_store
from tests.durability.crowd import RUNS, at_once
from tests.durability.tampering import TAMPERINGS, Base, Tampering, made

SEED = 20261124


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Base:
    found = made(tmp_path_factory.mktemp("tampered") / "ledger")
    assert open_store(str(found.place)).verify(expected=found.checkpoint).problems == ()
    return found


def _missed(base: Base, place: Path, kind: str, seed: int) -> str | None:
    """Alter a copy of a ledger; return what was not found, or not named, ``None`` when all was."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base.place, place)
    done = TAMPERINGS[kind](base, place, random.Random(seed))
    try:
        problems = open_store(str(place)).verify(expected=base.checkpoint).problems
        told = [f"{problem.where}: {problem.what}" for problem in problems]
    except (IntegrityError, MissingLedgerError) as error:  # It cannot even be opened.
        told = [str(error)]
    return None if _names(told, place, done) else f"{done}: {told[:3]}"


def _names(told: list[str], place: Path, done: Tampering) -> bool:
    named = any(str(place / name) in line for line in told for name in done.names) or (
        "FORMAT" in done.names and any(str(place) in line for line in told)
    )
    return named and (done.stream is None or any(done.stream in line for line in told))


@pytest.mark.xdist_group("tampering")
@pytest.mark.parametrize("kind", TAMPERINGS)
def test_what_was_altered_is_found_and_named(base, tmp_path, kind):
    assert [missed for seed in range(3) if (missed := _missed(base, tmp_path / "l", kind, SEED + seed))] == []


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("tampering")
def test_six_hundred_alterations_are_all_found_and_named(base, tmp_path, record_property):
    tried: Counter[str] = Counter()
    missed = []
    for number, kind in enumerate([*TAMPERINGS] * 60):
        missed.append(_missed(base, tmp_path / "l", kind, SEED + 100 + number))
        tried[kind] += 1
    record_property("tried", dict(tried))
    assert tried.total() >= 500
    assert [one for one in missed if one] == []


def _untouched(place: Path, seed: int) -> list[str]:
    """Let three processes fill a ledger; return what a verification then says of it."""
    open_store(str(place), create=True)
    assert at_once(place, 3, seed) == [0, 0, 0]
    store = open_store(str(place))
    assert store.stats().batches == 3 * RUNS * 3
    assert store.read().num_rows == store.stats().events == 3 * RUNS * 6
    return [f"{problem.where}: {problem.what}" for problem in store.verify().problems]


def test_a_ledger_that_nobody_touched_is_not_suspected(tmp_path):
    assert _untouched(tmp_path / "ledger", 0) == []


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_fifty_ledgers_that_nobody_touched_are_not_suspected(tmp_path):
    said = {seed: _untouched(tmp_path / str(seed), seed) for seed in range(1, 51)}
    assert {seed: told for seed, told in said.items() if told} == {}
    assert len(said) == 50
