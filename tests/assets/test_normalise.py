"""Names and identifiers in one spelling: published examples, mutations that check digits catch, and any text at all."""

import string

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assets.matching.normalise import install_macros, normal_names
from assets.matching.spec import KINDS

CONNECTION = duckdb.connect()
install_macros(CONNECTION)
KIND = st.sampled_from(KINDS)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
WORDS = (
    *("acme", "apex", "a", "b", "c", "the", "and", "inc", "class", "series", "co", "A.", "&", "(x)", "/de/", "x/y"),
    *("s.a.", "ltd,", "b.v.", "l.l.c.", "É", "\u0130", "ß", "\ufb01", "\u2167", "\u2019s"),
)


def value(kind: str, text: str | None) -> str | None:
    return CONNECTION.execute(f"SELECT {kind}_of({kind}_raw(?))", [text]).fetchone()[0]


def problem(kind: str, text: str | None) -> str | None:
    return CONNECTION.execute(f"SELECT problem_of({kind}_raw(?), {kind}_of({kind}_raw(?)))", [text, text]).fetchone()[0]


def check_digit(body: str) -> str:
    """Return the ninth character of a CUSIP, as its standard describes it: every second value doubled."""
    total = 0
    for place, character in enumerate(body):
        number = (string.digits + string.ascii_uppercase + "*@#").index(character) * (1 + place % 2)
        total += number // 10 + number % 10
    return str(-total % 10)


CUSIPS = st.text(string.digits + string.ascii_uppercase + "*@#", min_size=8, max_size=8).map(
    lambda body: body + check_digit(body)
)


@pytest.mark.parametrize(
    "cusip", ["037833100", "17275R102", "38259P508", "594918104", "68389X105", "023135106", "084670702", "02079K305"]
)
def test_published_cusips_hold_and_every_changed_digit_is_refused(cusip):
    assert value("cusip", cusip.lower()) == cusip
    for place in range(9):
        for digit in set(string.digits) - {cusip[place]} if cusip[place].isdigit() else ():
            changed = cusip[:place] + digit + cusip[place + 1 :]
            assert value("cusip", changed) is None, changed
            assert problem("cusip", changed) == "malformed"


@given(cusip=CUSIPS, place=st.integers(0, 8), digit=st.sampled_from(string.digits))
def test_a_cusip_holds_and_one_digit_for_another_never_does(cusip, place, digit):
    if len(set(cusip)) > 1:
        assert value("cusip", cusip) == cusip
    if cusip[place].isdigit() and cusip[place] != digit:
        assert value("cusip", cusip[:place] + digit + cusip[place + 1 :]) is None


@pytest.mark.parametrize(
    ("isin", "cusip"),
    [
        ("US0378331005", "037833100"),
        ("US5949181045", "594918104"),
        ("US0231351067", "023135106"),
        ("CA82509L1076", "82509L107"),
        (" us-0378331005 ", "037833100"),
        ("US0378332005", None),
        ("US037833100", None),
        ("US0000000000", None),
        ("DE0007164600", None),
        ("GB0002634946", None),
    ],
)
def test_an_isin_of_north_america_gives_the_cusip_inside_it(isin, cusip):
    assert value("isin", isin) == cusip


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("duns", "15-048-3782", "150483782"),
        ("duns", "80 473 5132", "804735132"),
        ("duns", "1234567", "001234567"),
        ("duns", "001234567", "001234567"),
        ("duns", "123456", None),
        ("duns", "1504837820", None),
        ("uei", "k1a2b3c4d5e6", "K1A2B3C4D5E6"),
        ("uei", "K1A2B3C4D5O6", None),
        ("uei", "I1A2B3C4D5E6", None),
        ("uei", "01A2B3C4D5E6", None),
        ("uei", "K1A2B3C4D5E", None),
        ("cage", "81205", "81205"),
        ("cage", " 1ab2c ", "1AB2C"),
        ("cage", "1AB2I", None),
        ("cage", "1AB2", None),
        ("cusip", "037833-10-0", "037833100"),
        ("cusip", "03783310", None),
    ],
)
def test_identifiers_have_one_spelling_or_none(kind, text, canonical):
    assert value(kind, text) == canonical


@pytest.mark.parametrize(
    ("kind", "text", "word"),
    [
        ("duns", "000000000", "placeholder"),
        ("duns", "00-000-0000", "placeholder"),
        ("duns", "123456789", "placeholder"),
        ("duns", "987654321", "placeholder"),
        ("duns", "12", "malformed"),
        ("duns", "unknown", "missing"),
        ("uei", "AAAAAAAAAAAA", "placeholder"),
        ("cusip", "000000000", "placeholder"),
        ("cage", "00000", "placeholder"),
        ("cage", "", "missing"),
        ("cage", " - ", "missing"),
        ("cage", None, "missing"),
        ("cusip", "ABC", "malformed"),
        ("isin", "US0378332005", "malformed"),
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
        ("Acme Inc Class A", "acme"),
        ("Acme Class A Inc", "acme"),
        ("Acme Series B Co., Ltd.", "acme"),
        ("ACME STEEL CO INC /DE/", "acme steel"),
        ("ACME STEEL CO INC /DE/ ", "acme steel"),
        ("Moody\u2019s Corp", "moodys"),
        ("Inc", "inc"),
        ("The", ""),
        ("", ""),
    ],
)
def test_names_lose_what_does_not_tell_companies_apart(name, normal):
    assert normal_names(CONNECTION, [name]) == [normal]


@given(st.lists(TEXT | st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join), min_size=1, max_size=20))
@example(["Acme Class A Inc", "the and the", "a b c d e", "\u0130 & I\u0307"])
def test_normalising_a_normal_name_changes_nothing(names):
    once = normal_names(CONNECTION, names)
    assert len(once) == len(names)
    assert normal_names(CONNECTION, once) == once


@given(TEXT)
def test_a_normal_name_is_words_with_one_space_between_them(text):
    (name,) = normal_names(CONNECTION, [text])
    assert name == " ".join(name.split(" ")).strip()
    assert "  " not in name
    assert not set(name) & set(string.punctuation + string.ascii_uppercase + "\n\t\x00")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join))
def test_ascii_case_and_outer_space_do_not_matter(name):
    plain = name.encode("ascii", "ignore").decode()
    assert len(set(normal_names(CONNECTION, [plain, plain.upper(), plain.lower(), f"  {plain}\t"]))) == 1


@given(KIND, TEXT | CUSIPS | st.from_regex(r"(US|CA)?[0-9A-Z-]{5,12}", fullmatch=True))
def test_any_text_is_an_identifier_or_has_a_problem(kind, text):
    found = value(kind, text)
    assert (found is None) == (problem(kind, text) is not None)
    assert problem(kind, text) in (None, "missing", "malformed", "placeholder")
    if found is not None:
        assert value("cusip" if kind == "isin" else kind, found) == found
        assert value(kind, f" {text.lower()}-") == found


def test_a_null_stays_null_and_defining_the_normalisers_again_changes_nothing():
    install_macros(CONNECTION)
    assert CONNECTION.execute("SELECT normal_name(NULL)").fetchone() == (None,)
    for kind in KINDS:
        assert value(kind, None) is None
    assert normal_names(CONNECTION, []) == []
