"""What is collected of a ledger is what a fold of all its events gives, at the first look and at each later one."""

from pathlib import Path

import pytest

from ledger.metrics import BUILT_IN
from ledger.projections.latest import Latest, folded, standings
from ledger.service.monitoring import collecting
from ledger.service.monitoring.collecting import Collector, Judged
from ledger.settings import RegressionSettings
from ledger.store import open_store
from ledger.store.memory import MemoryStore
from tests.judged import batches, story
from tests.recorded import ENDS, attempt, opened


def collector(store):
    return Collector(store, Judged(Path("nowhere"), RegressionSettings(), BUILT_IN))


def filled(store):
    for number, values in story(4):
        for batch in batches(number, values):
            store.append(batch)
    for number, end in enumerate([*ENDS, "running"]):
        opened(store, f"r{number}", ("loaded",))
        attempt(store, f"r{number}", "loaded", end, minute=number, value=float(number), partition=str(number))
    return store


@pytest.mark.parametrize("kind", ["memory", "directory"])
@pytest.mark.parametrize("named", [0, 1, 5_000])
def test_the_first_look_gives_what_a_fold_of_everything_gives(kind, named, tmp_path):
    store = filled(MemoryStore() if kind == "memory" else open_store(str(tmp_path / "ledger"), create=True))
    latest, _ = collecting._first_look(store.view(), named)
    whole = standings(folded(Latest(), store.read()))
    assert standings(latest) == collector(store).collect().standings == whole
    assert len(whole.assets) == 3


def test_later_looks_give_it_too_whatever_is_appended_and_compacted_in_between(tmp_path):
    store = open_store(str(tmp_path / "ledger"), create=True)
    following = collector(store)
    assert following.collect().standings.assets == ()
    for number, values in story(6):
        for batch in batches(number, values):
            store.append(batch)
            if number % 2:
                store.compact(grace_s=0.0)
            assert following.collect().standings == standings(folded(Latest(), store.read()))
    assert following.collect().standings == collector(store).collect().standings


@pytest.mark.parametrize("compacted", [False, True])
def test_a_ledger_that_lost_appends_is_told_as_such_and_what_was_known_stays(compacted, tmp_path):
    store = filled(open_store(str(tmp_path / "ledger"), create=True))
    if compacted:
        store.compact(grace_s=0.0)
    following = collector(store)
    following.verify()
    known = following.collect()
    assert known.integrity.ok is True
    (tmp_path / "ledger").rename(tmp_path / "away")
    (tmp_path / "ledger").mkdir()
    found = following.collect()
    assert (found.integrity.ok, found.standings) == (False, known.standings)
    (tmp_path / "ledger").rmdir()
    (tmp_path / "away").rename(tmp_path / "ledger")
    following.verify()
    assert following.collect().integrity.ok is True
