"""The one spelling: what is written is read back, and every other spelling is refused."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.trust.canonical import LARGEST, decode, encode
from ledger.trust.refusal import RefusedError

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine makes values slowly; that says nothing about what is tested."""
KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
TEXTS = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXTS,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(KEYS, part, max_size=4),
    max_leaves=20,
)


@UNHURRIED
@given(VALUES)
def test_what_is_written_is_read_back(value):
    data = encode(value)
    assert decode(data, "m") == value
    assert encode(decode(data, "m")) == data


@UNHURRIED
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_the_order_of_keys_makes_no_difference(value):
    assert encode(dict(reversed(value.items()))) == encode(value)


@UNHURRIED
@given(VALUES)
def test_another_spelling_is_refused(value):
    for other in (json.dumps(value, indent=1), json.dumps(value) + " "):
        if other.encode() != encode(value):
            with pytest.raises(RefusedError) as refused:
                decode(other.encode(), "m")
            assert refused.value.reason in {"not_canonical", "trailing_data"}


@UNHURRIED
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(RefusedError):
        assert encode(decode(data, "m")) == data


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, {"é": 1}, {1: 2}, "a\x00", "a\u0085", "\ud800", b"bytes", {"a": {3.0}}]
)
def test_what_has_no_one_spelling_cannot_be_signed(value):
    with pytest.raises(ConfigurationError, match="cannot be signed"):
        encode(value)


def test_depth_is_limited():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ConfigurationError, match="too deeply"):
        encode(deep)
    with pytest.raises(RefusedError):
        decode(b"[" * 100_000 + b"]" * 100_000, "m")
