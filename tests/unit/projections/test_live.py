"""How a run is getting on: resumed rows count as done, retries and adaptations are counted, gates say what stopped."""

import dataclasses

import pytest

from ledger.events import (
    AssetBlocked,
    AssetHeartbeat,
    AssetStarted,
    ChunkCompleted,
    ChunkFailed,
    ChunksAdapted,
    ChunksResumed,
    ProgressReported,
    asset_stream,
)
from ledger.events.batch import freeze
from ledger.projections.live import live
from ledger.store.memory import MemoryStore
from tests.recorded import at, attempt, closed, opened

PLACE = {"asset": "a", "run_id": "r", "partition": None}
RESUMED = ChunksResumed(**PLACE, plan_digest="p", total_rows=1_000, kept_rows=600, damaged_parts=0)


def completed(start, stop, peak_bytes=1):
    return ChunkCompleted(
        **PLACE, start_row=start, stop_row=stop, rows_out=stop - start, sha256="0", wall_s=1.0, base_bytes=0,
        peak_bytes=peak_bytes, peak_method="vmhwm",
    )  # fmt: skip


def failed(start, stop, *, is_final):
    return ChunkFailed(
        **PLACE, start_row=start, stop_row=stop, attempt=1, is_final=is_final, reason="error", error_type="E",
        error_message="m", traceback="t",
    )  # fmt: skip


ADAPTED = ChunksAdapted(**PLACE, change="shrunk", rows_before=100, rows_after=50, limit_bytes=64, reason="r")


def rows(store):
    return live(store.read()).to_pylist()


def test_what_an_earlier_run_left_is_done_and_chunks_are_added_up():
    store = MemoryStore()
    opened(store, "r", ("a",))
    more = (
        RESUMED,
        completed(600, 700, peak_bytes=9),
        ProgressReported(**PLACE, value=700.0, total=1_000.0, eta_s=30.0),
        failed(700, 800, is_final=False),
        ADAPTED,
        completed(700, 750, peak_bytes=7),
        failed(750, 760, is_final=True),
    )
    attempt(store, "r", "a", "running", more=more)
    (row,) = rows(store)
    assert (row["status"], row["kept_rows"], row["done_rows"], row["total_rows"]) == ("running", 600, 750, 1_000)
    assert (row["progress_rows"], row["eta_s"]) == (700, 30.0)
    assert (row["chunks"], row["adaptations"], row["retries"], row["given_up_rows"]) == (2, 1, 1, 10)
    assert (row["chunk_rows"], row["peak_bytes"], row["limit_bytes"]) == (50, 9, 64)


def test_the_rows_of_a_chunk_are_those_that_are_tried_not_those_that_were_left_of_a_range():
    store = MemoryStore()
    attempt(store, "r", "a", "running", more=(RESUMED, completed(600, 700), completed(700, 705)))
    attempt(store, "s", "a", "running", minute=1, more=(RESUMED, completed(600, 700), ADAPTED, completed(700, 705)))
    assert [row["chunk_rows"] for row in rows(store)] == [100, 50]


def test_without_chunks_memory_is_what_heartbeats_say_and_progress_what_the_asset_says():
    store = MemoryStore()
    beats = tuple(AssetHeartbeat(**PLACE, elapsed_s=float(n), rss_bytes=rss) for n, rss in enumerate((5, 8, 6)))
    attempt(store, "r", "a", "running", more=(*beats, ProgressReported(**PLACE, value=5.0)))
    (row,) = rows(store)
    assert (row["peak_bytes"], row["done_rows"], row["total_rows"], row["chunks"]) == (8, 5, None, None)


def test_of_several_attempts_the_latest_is_told_and_of_several_partitions_each():
    store = MemoryStore()
    attempt(store, "r", "a", "retrying", number=0)
    attempt(store, "r", "a", "running", number=1, minute=1)
    attempt(store, "r", "a", "success", partition="p", minute=2)
    assert [(row["partition"], row["attempt"], row["status"]) for row in rows(store)] == [
        (None, 1, "running"),
        ("p", 0, "success"),
    ]


@pytest.mark.parametrize(("end", "reason"), [("failed", "E: m"), ("lost", "r"), ("success", None)])
def test_an_end_is_told_with_its_reason(end, reason):
    store = MemoryStore()
    attempt(store, "r", "a", end)
    assert [(row["status"], row["reason"]) for row in rows(store)] == [(end, reason)]


def test_what_was_not_begun_waits_is_blocked_or_was_not_made():
    store = MemoryStore()
    begun = opened(store, "r", ("a", "b", "c", "d"))
    gate = AssetBlocked(asset="b", run_id="r", blocked_by="a", gate_run_id="r", check="g", reason="the gate is closed")
    attempt(store, "r", "a", "success", more=(gate, dataclasses.replace(gate, check="h", reason="so is the other")))
    several = AssetStarted(asset="op:x", run_id="r", output_assets=("d",), host="h", pid=1)
    store.append(freeze(str(asset_stream("op:x", "r", None, 0)), [(at(1), several)]))
    told = {row["asset"]: (row["status"], row["reason"]) for row in rows(store)}
    assert told == {
        "a": ("success", None),
        "b": ("blocked", "the gate is closed; so is the other"),
        "c": ("waiting", None),
        "op:x": ("running", None),
    }
    closed(store, "r", "failed", begun)
    assert {row["asset"]: row["status"] for row in rows(store)}["c"] == "not made"
