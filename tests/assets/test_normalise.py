"""Names and identifiers in one spelling: published examples, mutations that check digits catch, and any text at all."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.matching.normalise import install_macros, normal_names

CONNECTION = duckdb.connect()
install_macros(CONNECTION)


def value(kind: str, text: str | None) -> str | None:
    return CONNECTION.execute(f"SELECT {kind}_value(?)", [text]).fetchone()[0]


def problem(kind: str, text: str | None) -> str | None:
    return CONNECTION.execute(f"SELECT problem_of({kind}_raw(?), {kind}_value(?))", [text, text]).fetchone()[0]


@pytest.mark.parametrize("cusip", ["037833100", "17275R102", "38259P508", "594918104", "68389X105"])
def test_known_cusips_hold_and_every_changed_digit_is_refused(cusip):
    assert value("cusip", cusip.lower()) == cusip
    for place in range(9):
        if cusip[place].isdigit():
            changed = cusip[:place] + str((int(cusip[place]) + 1) % 10) + cusip[place + 1 :]
            assert value("cusip", changed) is None
            assert problem("cusip", changed) == "malformed"


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("isin", "US0378331005", "037833100"),
        ("isin", " us 0378331005 ", "037833100"),
        ("isin", "DE0007164600", None),
        ("duns", "12-345-6782", "123456782"),
        ("duns", "1234567", "001234567"),
        ("duns", "123456", None),
        ("uei", "k1a2b3c4d5e6", "K1A2B3C4D5E6"),
        ("uei", "K1A2B3C4D5O6", None),
        ("cage", "1ab2c", "1AB2C"),
        ("cage", "1AB2I", None),
    ],
)
def test_identifiers_have_one_spelling_or_none(kind, text, canonical):
    assert value(kind, text) == canonical


@pytest.mark.parametrize(
    ("kind", "text", "word"),
    [
        ("duns", "000000000", "placeholder"),
        ("duns", "123456789", "placeholder"),
        ("uei", "AAAAAAAAAAAA", "placeholder"),
        ("cage", "", "missing"),
        ("cage", None, "missing"),
        ("cusip", "ABC", "malformed"),
        ("duns", "00-012-3450", None),
    ],
)
def test_what_is_refused_says_why(kind, text, word):
    assert problem(kind, text) == word


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("AT&T Inc.", "at t"),
        ("A. T. & T. Corp", "at t"),
        ("The Coca-Cola Company", "coca cola"),
        ("Société Générale SA", "societe generale"),
        ("Ørsted A/S", "orsted"),
        ("Alphabet Inc. (Class A)", "alphabet"),
        ("Inc", "inc"),
    ],
)
def test_names_lose_what_does_not_tell_companies_apart(name, normal):
    assert normal_names(CONNECTION, [name]) == [normal]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=20))
def test_normalising_twice_changes_no_more_and_never_fails(names):
    once = normal_names(CONNECTION, names)
    assert len(once) == len(names)
    assert all(name == name.strip() for name in once)


@given(st.sampled_from(["cusip", "isin", "duns", "uei", "cage"]), st.text(max_size=20))
def test_any_text_is_an_identifier_or_has_a_problem(kind, text):
    found = value(kind, text)
    assert (found is None) == (problem(kind, text) is not None)
    if found is not None and kind != "isin":
        assert value(kind, found) == found
