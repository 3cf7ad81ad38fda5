"""Circumstances of runs: a row per asset, processes told apart, nothing invented."""

import random

import pyarrow as pa

from ledger.events import AssetStarted, RunStarted, asset_stream, run_stream
from ledger.events.batch import freeze
from ledger.events.codec import to_table
from ledger.projections.circumstances import DATASET_TAG, circumstances, machines
from ledger.store.memory import MemoryStore
from tests.judged import BEGAN, LARGE, NAME_OF_SMALL, SMALL, batches, story, write


def held(*appends):
    store = MemoryStore()
    for each in appends:
        write(store, each)
    return store.read()


def test_every_asset_of_every_run_has_its_circumstances():
    values = story(1)[0][1]
    rows = circumstances(held(batches(0, values, tags={DATASET_TAG: "2026-11"}), batches(1, values, machine=LARGE)))
    assert [(row["run_id"], row["asset"]) for row in rows.to_pylist()] == [
        (f"run-{number:03}", asset) for number in (0, 1) for asset in ("loaded", "matched", "published")
    ]
    first, *_, last = rows.to_pylist()
    assert first["dataset_id"] == "2026-11"
    assert last["dataset_id"] is None
    assert first["environment_digest"] != last["environment_digest"]
    assert first["process"] == "worker/boot/1/7/1"
    assert last["process"] == "worker/boot/1/7/2"


def test_a_machine_has_a_name_that_people_read():
    (machine,) = machines(held(batches(0, story(1)[0][1], machine=SMALL))).values()
    assert machine.name == NAME_OF_SMALL
    assert machine.software == {"pyarrow": "19.0.0"}


def test_an_attempt_that_makes_several_assets_speaks_for_each_and_for_itself():
    started = AssetStarted(asset="op:both", run_id="r", output_assets=("a", "b"), host="h", pid=1)
    table = to_table(str(asset_stream("op:both", "r", None, 0)), 0, 0, [(BEGAN, started)])
    assert circumstances(table).column("asset").to_pylist() == ["a", "b", "op:both"]


def test_where_the_process_is_not_known_the_launch_stands_for_it():
    store = MemoryStore()
    opened = RunStarted(run_id="r", job="j", launcher="cli", planned_assets=("a",), launch_id="launch", tags={})
    store.append(freeze(str(run_stream("r")), [(BEGAN, opened)]))
    for run_id in ("r", "s"):
        started = AssetStarted(asset="a", run_id=run_id, output_assets=("a",), host="h", pid=1)
        store.append(freeze(str(asset_stream("a", run_id, None, 0)), [(BEGAN, started)]))
    assert circumstances(store.read()).column("process").to_pylist() == ["launch", None]


def test_the_order_of_rows_changes_nothing():
    events = held(*(batches(number, values) for number, values in story(4)))
    places = list(range(events.num_rows))
    random.Random(3).shuffle(places)
    assert circumstances(events.take(pa.array(places))).equals(circumstances(events))


def test_no_events_have_no_circumstances():
    events = MemoryStore().read()
    assert circumstances(events).num_rows == 0
    assert machines(events) == {}
