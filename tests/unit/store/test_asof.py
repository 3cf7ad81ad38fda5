"""A ledger as it was at a checkpoint, whatever was appended and compacted since."""

import dataclasses

import pytest

from ledger.errors import IntegrityError
from ledger.service.replay import replay_runs
from ledger.store import open_store
from ledger.store.protocol import EventQuery
from tests.recorded import attempt


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "ledger"), create=True)


def runs_in(view):
    return sorted(view.names_in("run_id"))


def grown(store):
    """Seal one run, then append another run and more of the first one's stream topic; return the checkpoint."""
    attempt(store, "first", "a", "success")
    checkpoint = store.seal().checkpoint
    attempt(store, "second", "a", "success", minute=5)
    return checkpoint


@pytest.mark.parametrize("later_seal", ["nothing", "seal", "compact"])
def test_what_is_seen_is_what_the_checkpoint_covers(store, later_seal):
    attempt(store, "first", "a", "success")
    checkpoint = store.seal().checkpoint
    before = store.consult(lambda view: view.read())
    attempt(store, "second", "a", "success", minute=5)
    if later_seal == "seal":
        store.seal()
    elif later_seal == "compact":
        store.compact(grace_s=0.0)
    assert store.consult_at(checkpoint, lambda view: view.read()).equals(before)
    assert store.consult_at(checkpoint, runs_in) == ["first"]
    assert store.consult_at(checkpoint, runs_in, later=True) == ["second"]
    assert store.consult(runs_in) == ["first", "second"]


def test_a_query_gives_its_columns_and_nothing_more(store):
    checkpoint = grown(store)
    query = EventQuery(kinds=("asset_finished",), columns=("run_id",))
    found = store.consult_at(checkpoint, lambda view: view.read(query))
    assert found.column_names == ["run_id"]
    assert found.column("run_id").to_pylist() == ["first"]


def test_projections_read_it_like_any_view(store):
    checkpoint = grown(store)
    found = store.consult_at(checkpoint, replay_runs)
    assert found.column("run_id").to_pylist() == ["first"]


def test_the_empty_checkpoint_covers_nothing(store):
    empty = store.checkpoint()
    attempt(store, "first", "a", "success")
    assert store.consult_at(empty, runs_in) == []
    assert store.consult_at(empty, runs_in, later=True) == ["first"]


@pytest.mark.parametrize("change", [{"root": "00" * 32}, {"size": 99}, {"origin": "another"}], ids=str)
def test_a_past_that_was_not_is_refused(store, change):
    checkpoint = dataclasses.replace(grown(store), **change)
    with pytest.raises(IntegrityError, match="does not contain the checkpoint"):
        store.consult_at(checkpoint, runs_in)
