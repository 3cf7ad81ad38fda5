"""A waiver has one spelling, and whatever names it holds are one line of it each."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.baselines.errors import BaselineFormatError
from ledger.baselines.waiver import WaivedChange, Waiver, file_name, read_waiver, text_of
from ledger.errors import ConfigurationError
from tests.unit.baselines.made import TEXTS

SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
CHANGES = st.builds(
    WaivedChange,
    subject=st.tuples(TEXTS | st.just(""), TEXTS, st.none() | TEXTS, TEXTS),
    was=DIGESTS,
    becomes=st.none() | DIGESTS,
    allows=st.lists(TEXTS, max_size=3).map(tuple),
)
WAIVERS = st.builds(
    Waiver,
    signer=TEXTS,
    expires=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made aware below
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    ),
    reason=TEXTS,
    changes=st.lists(CHANGES, min_size=1, max_size=3).map(tuple),
)


@given(WAIVERS)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_again_whatever_the_names(waiver):
    text = text_of(waiver)
    found = read_waiver((text + SIGNATURE).encode(), "w")
    assert (found.waiver, found.text.decode(), found.signature) == (waiver, text, SIGNATURE)
    assert text.isascii()
    assert ".." not in file_name(waiver).split("/")
    assert file_name(waiver).count("/") == 2


@given(WAIVERS, st.data())
@settings(max_examples=60, deadline=None)
def test_no_other_text_is_read_as_the_same_waiver(waiver, data):
    text = text_of(waiver)
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + data.draw(st.sampled_from(['"', " ", "\n", "x", "0", "\\"])) + text[place + 1 :]
    if other == text:
        return
    try:
        found = read_waiver((other + SIGNATURE).encode(), "w").waiver
    except BaselineFormatError:
        found = None
    assert found != waiver


def test_a_waiver_of_nothing_is_none():
    with pytest.raises(ConfigurationError, match="at least one change"):
        text_of(Waiver(signer="a", expires=datetime(2030, 1, 1, tzinfo=UTC), reason="r", changes=()))
