"""A ledger as it was at a checkpoint, whatever was appended and compacted since."""

import dataclasses

import pytest

from ledger.errors import IntegrityError
from ledger.service.reading.replay import replay_runs
from ledger.store import open_store
from ledger.store.protocol import EventQuery
from tests.recorded import attempt


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "ledger"), create=True)


def seen(store, checkpoint):
    return store.as_of(store.view(), checkpoint)


def grown(store):
    """Seal one run, then append another; return the checkpoint."""
    attempt(store, "first", "a", "success")
    checkpoint = store.seal().checkpoint
    attempt(store, "second", "a", "success", minute=5)
    return checkpoint


@pytest.mark.parametrize("then", ["nothing", "seal", "compact"])
def test_what_is_seen_is_what_the_checkpoint_covers(store, then):
    attempt(store, "first", "a", "success")
    checkpoint = store.seal().checkpoint
    before = store.view().read()
    attempt(store, "second", "a", "success", minute=5)
    if then == "seal":
        store.seal()
    elif then == "compact":
        store.compact(grace_s=0.0)
    view = seen(store, checkpoint)
    assert view.read().equals(before)
    assert view.names_in("run_id") == {"first"}
    assert view.compacted is None
    assert view.read(part="compacted").num_rows == 0
    assert store.view().names_in("run_id") == {"first", "second"}


def test_a_query_gives_its_columns_and_nothing_more(store):
    query = EventQuery(kinds=("asset_finished",), columns=("run_id",))
    found = seen(store, grown(store)).read(query)
    assert found.column_names == ["run_id"]
    assert found.column("run_id").to_pylist() == ["first"]


def test_projections_read_it_like_any_view(store):
    assert replay_runs(seen(store, grown(store))).column("run_id").to_pylist() == ["first"]


def test_the_empty_checkpoint_covers_nothing(store):
    empty = store.checkpoint()
    attempt(store, "first", "a", "success")
    store.seal()
    assert seen(store, empty).read().num_rows == 0


def test_a_past_that_has_not_come_is_refused(store):
    with pytest.raises(IntegrityError, match="fewer than"):
        seen(store, dataclasses.replace(grown(store), size=99))
