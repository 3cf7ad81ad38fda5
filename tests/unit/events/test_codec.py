import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ConfigurationError, IntegrityError
from ledger.events import KINDS, MetricMeasured, ProgressReported, StreamId, UnknownEvent
from ledger.events.codec import canonical_json, from_table, to_table
from ledger.events.schema import SCHEMA

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def strategy_for(hint):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Mapping or hint is Mapping:
        values = {str: st.text(max_size=9), float: FINITE}.get(arguments[1], JSON)
        return st.dictionaries(st.text(max_size=9), values, max_size=4)
    if origin is tuple:
        return st.lists(st.text(max_size=9), max_size=4).map(tuple)
    if arguments:  # a union with None
        return st.one_of([st.none() if argument is type(None) else strategy_for(argument) for argument in arguments])
    return {str: st.text(max_size=40), float: FINITE, int: st.integers(0, 2**40), bool: st.booleans()}[hint]


def events_of(cls):
    hints = typing.get_type_hints(cls, localns={"Json": object, "Sequence": Sequence})
    names = [name for name in hints if name not in {"KIND", "VERSION"}]
    return st.builds(cls, **{name: strategy_for(hints[name]) for name in names})


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind, data):
    event = data.draw(events_of(KINDS[kind]))
    table = to_table("run/x", 3, 17, [(NOW, event), (NOW, event)])
    assert table.schema == SCHEMA
    back = list(from_table(table))
    assert [entry.event for entry in back] == [event, event]
    assert [(entry.stream, entry.batch, entry.seq, entry.ts) for entry in back] == [
        ("run/x", 3, 17, NOW),
        ("run/x", 3, 18, NOW),
    ]


def test_stored_names_are_those_of_the_registry():
    assert all(kind == cls.KIND for kind, cls in KINDS.items())


def test_a_newer_kind_or_version_is_kept_with_all_it_holds():
    table = to_table("run/x", 0, 0, [(NOW, MetricMeasured(asset="a", metric="m", value=1.5, unit="s"))])
    rows = table.to_pylist()
    for change in ({"kind": "future_happened"}, {"kind_version": 99}):
        newer = type(table).from_pylist([rows[0] | change | {"payload": '{"more":[1,2]}'}], schema=SCHEMA)
        (entry,) = from_table(newer)
        assert isinstance(entry.event, UnknownEvent)
        assert entry.event.fields == {"asset": "a", "metric": "m", "value": 1.5, "unit": "s", "more": (1, 2)}


def test_an_older_version_is_brought_up_to_date(monkeypatch):
    table = to_table("run/x", 0, 0, [(NOW, ProgressReported(asset="a", value=5.0))])
    monkeypatch.setattr(ProgressReported, "VERSION", 3)
    upcasters = {
        ("progress_reported", 1): lambda fields: fields | {"total": 10.0},
        ("progress_reported", 2): lambda fields: fields | {"eta_s": fields["total"] * 2},
    }
    (entry,) = from_table(table, upcasters=upcasters)
    assert entry.event == ProgressReported(asset="a", value=5.0, total=10.0, eta_s=20.0)
    with pytest.raises(IntegrityError, match="has no upcaster"):
        list(from_table(table))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_no_comparison_could_use_are_refused(value):
    with pytest.raises(ConfigurationError, match="finite"):
        to_table("run/x", 0, 0, [(NOW, MetricMeasured(metric="m", value=value, unit="s"))])
    with pytest.raises(ConfigurationError, match="finite"):
        canonical_json({"x": value})


def test_texts_of_operating_system_errors_can_be_stored():
    event = MetricMeasured(asset="caf\udce9", metric="m", value=0.0, unit="s")
    (entry,) = from_table(to_table("run/x", 0, 0, [(NOW, event)]))
    assert entry.event.asset == "caf\\udce9"


@pytest.mark.parametrize("payload", ["[1]", "{", "3"])
def test_a_damaged_payload_names_its_place(payload):
    table = to_table("run/x", 0, 4, [(NOW, ProgressReported(value=1.0))])
    damaged = table.set_column(table.column_names.index("payload"), SCHEMA.field("payload"), [[payload]])
    with pytest.raises(IntegrityError, match="position 4 of stream 'run/x'"):
        list(from_table(damaged))


@given(st.text(min_size=1), st.text(min_size=1), st.none() | st.text(min_size=1), st.integers(0, 99))
def test_stream_names_are_unambiguous(asset, run_id, partition, attempt):
    stream = StreamId("asset", run_id, asset, partition, attempt)
    assert StreamId.parse(str(stream)) == stream
    assert str(stream).count("/") == 4


def test_a_foreign_stream_name_is_refused():
    with pytest.raises(IntegrityError, match="not one this ledger writes"):
        StreamId.parse("a/b/c")
