import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.events import MetricMeasured, ProgressReported
from ledger.events.batch import freeze
from ledger.events.digest import batch_digest, canonical_rows
from ledger.events.digest_bulk import batch_digests, row_bytes
from ledger.events.schema import SCHEMA

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = st.none() | st.text(max_size=12)
EVENTS = st.lists(
    st.builds(
        MetricMeasured,
        asset=TEXT,
        partition=TEXT,
        run_id=TEXT,
        metric=st.text(max_size=9),
        value=st.floats(allow_nan=False, allow_infinity=False),
        unit=st.text(max_size=3),
    )
    | st.builds(ProgressReported, asset=TEXT, value=st.sampled_from([0.0, -0.0, 5e-324, 1e308])),
    min_size=1,
    max_size=6,
)


@given(st.lists(st.tuples(st.sampled_from(["run/a", "run/b", "run/é"]), EVENTS), min_size=1, max_size=8), st.randoms())
def test_bulk_digests_equal_the_definition_in_any_row_order(appends, randomness):
    last, batches = {}, []
    for number, (stream, events) in enumerate(appends):
        stamped = [(NOW + timedelta(microseconds=number), event) for event in events]
        last[stream] = freeze(stream, stamped, after=last.get(stream))
        batches.append(last[stream])
    table = pa.concat_tables([batch.rows for batch in batches])
    order = list(range(table.num_rows))
    random.Random(randomness.random()).shuffle(order)
    expected = {(batch.stream, batch.number): batch.digest for batch in batches}
    assert batch_digests(table.take(order)) == expected
    assert b"".join(row_bytes(table).to_pylist()) == canonical_rows(table)


def _one(**changes):
    event = MetricMeasured(asset="a", run_id="r", metric="m", value=1.0, unit="s")
    rows = freeze("run/r", [(NOW, event)]).rows.to_pylist()
    return pa.Table.from_pylist([rows[0] | changes], schema=SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 1.0000000000000002},
        {"value": None},
        {"asset": ""},
        {"asset": None},
        {"partition": ""},
        {"asset": "ar", "run_id": ""},
        {"ts": NOW + timedelta(microseconds=1)},
        {"seq": 1},
        {"kind_version": 2},
        {"payload": "{}"},
    ],
)
def test_every_change_of_content_changes_the_digest(changes):
    def digest(table):
        return batch_digest(table, stream="run/r", batch=0, previous=None)

    assert digest(_one(**changes)) != digest(_one())


def test_place_and_predecessor_are_part_of_the_digest():
    rows = _one()
    digests = {
        batch_digest(rows, stream="run/r", batch=0, previous=None),
        batch_digest(rows, stream="run/s", batch=0, previous=None),
        batch_digest(rows, stream="run/r", batch=1, previous=None),
        batch_digest(rows, stream="run/r", batch=1, previous="00" * 32),
    }
    assert len(digests) == 4


def test_an_empty_ledger_has_no_digests():
    assert batch_digests(SCHEMA.empty_table()) == {}
