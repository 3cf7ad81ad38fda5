"""What a reader refuses, with the file, the line, and what to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.baselines import BaselineAlteredError, BaselineFormatError, read, write
from ledger.errors import ConfigurationError, IntegrityError, LedgerError
from tests.unit.baselines.made import baseline, entry, sample

GOOD = write(baseline(entry("duration_s", anchor=sample(0.5, label="v1"))))


def line_of(part: str, text: str = GOOD, occurrence: int = 0) -> int:
    """Return the number of the line that holds a text."""
    return [number for number, line in enumerate(text.splitlines(), 1) if part in line][occurrence]


def refused(data, kind=BaselineFormatError) -> str:
    with pytest.raises(kind) as told:
        read(data, "b/a.json")
    return str(told.value)


def test_who_has_to_act_is_told_by_the_class():
    assert issubclass(BaselineFormatError, ConfigurationError)
    assert issubclass(BaselineAlteredError, IntegrityError)


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> other", "||||||| base"])
def test_a_conflict_marker_is_told_by_its_line(marker):
    lines = GOOD.splitlines()
    text = "\n".join([*lines[:6], marker, *lines[6:]]) + "\n"
    assert refused(text) == f"b/a.json:7: a merge left {marker[:7]!r} behind; resolve the conflict"


def test_carriage_returns_a_byte_order_mark_and_other_encodings_are_told():
    assert refused(GOOD.replace("\n", "\r\n")).startswith("b/a.json:1: the line ends with a carriage return")
    assert refused("\ufeff" + GOOD).startswith("b/a.json:1: the file begins with a byte order mark")
    latin = GOOD.replace("first runs", "für Läufe").encode("latin-1")
    assert refused(latin).startswith(f"b/a.json:{line_of('first runs')}: byte ")
    assert refused(GOOD.encode("utf-16")).startswith("b/a.json:1: byte 0 is not UTF-8")


def test_a_key_twice_is_told_with_both_lines():
    line = line_of('"unit"')
    text = GOOD.replace('      "unit": "s"\n', '      "unit": "s",\n      "unit": "rows"\n')
    assert refused(text) == f"b/a.json:{line + 1}: 'unit' is already there at line {line}; keep one of the two"


def test_a_run_twice_is_told_with_both_lines():
    line = line_of("run-1")
    text = GOOD.replace('"run_id": "run-1"', '"run_id": "run-0"')
    assert refused(text) == f"b/a.json:{line}: run 'run-0' is already there at line {line - 1}"


def test_another_version_is_told_before_anything_else():
    text = GOOD.replace('"schema": 1', '"schema": 2').replace('"unit"', '"units"')
    assert refused(text).startswith(f"b/a.json:{line_of('schema')}: schema is 2, this version reads 1")
    assert "has no schema" in refused("{}")
    assert "has no schema" in refused("[]")
    for other in ('"1"', "true", "1.0"):
        assert "this version reads 1" in refused(GOOD.replace('"schema": 1', f'"schema": {other}'))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"profile": "epyc-2"', '"profil": "epyc-2"', "the file has no field 'profil'; did you mean 'profile'?"),
        ('"label": "v1",\n', "", "duration_s.anchor lacks the field 'label'"),
        ('"floor": null', '"floor": 0.5', "duration_s.floor is 0.5; write it as a decimal in quotes"),
        ('"floor": null', '"floor": "1e3"', "duration_s.floor is '1e3'; write it as a decimal in quotes"),
        ('"unit": "s"', '"unit": "ms"', "duration_s.unit is 'ms'; choose one of bytes, count"),
        ('"kind": "establish"', '"kind": "bless"', "duration_s.change.kind is 'bless'; choose one of establish"),
        ('"reason": "first runs"', '"reason": ""', "duration_s.change.reason is ''; give it a text"),
        ('"rows": 100, "run_id": "run-1"', '"rows": -1, "run_id": "run-1"', "rows is -1; give it a whole number"),
        ('"value": "1.25"', '"value": null', "run 'run-1' has no value"),
        ('"asset": "sales/orders"', '"asset": ["sales"]', "asset is a list; give it a text"),
        ('"partition": null', '"partition": NaN', "'NaN,' is not JSON; correct the file"),
        ('"partition": null', '"partition": \'', '"\'," is not JSON; correct the file'),
    ],
)
def test_a_wrong_field_is_told_with_its_line(old, new, sentence):
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    told = refused(text)
    assert sentence in told
    expected = line_of('"anchor"') if "lacks" in sentence else line_of(old.split("\n")[0])
    assert told.startswith(f"b/a.json:{expected}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("{", 1),
        ('{\n"a": \n', 3),
        ('{"a": 1,\n}', 2),
        ("[" * 5_000, 1),
        ('{"a" 1}', 1),
        ('{"a": "\\q"}', 1),
        ("{}\n{}", 2),
    ],
)
def test_broken_json_is_told_with_its_line(text, line):
    assert refused(text).startswith(f"b/a.json:{line}: ")


def test_a_value_edited_by_hand_is_found_by_the_figures_beside_it():
    text = GOOD.replace('"value": "1.25"', '"value": "1.4"')
    told = refused(text, BaselineAlteredError)
    assert told.startswith(
        f"b/a.json:{line_of('median', occurrence=1)}: duration_s.current.median is '1.25', but the runs"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"rows": 100', '"rows": 101'), ('"floor": null', '"floor": "9"'), ('"limit": null', '"limit": "0.5"'),
        ("c0ffee", "c0ffed"), ("sales/orders", "sales/returns"), ("epyc-2", "epyc-4"), ("lower_is", "higher_is"),
        ('"2 cores"', '"4 cores"'), ("first runs", "better runs"), ('"partition": null', '"partition": "2026"'),
        ('"label": "v1"', '"label": "v2"'),
    ],
)  # fmt: skip
def test_whatever_else_is_edited_by_hand_is_found_by_the_digest(old, new):
    assert old in GOOD
    told = refused(GOOD.replace(old, new, 1), BaselineAlteredError)
    assert f"b/a.json:{digest_line()}: the digest of duration_s does not fit" in told


def digest_line() -> int:
    return next(number for number, line in enumerate(GOOD.splitlines(), 1) if line.startswith('      "digest"'))


def test_an_entry_moved_to_another_metric_is_found():
    text = GOOD.replace('"duration_s": {', '"cpu_s": {')
    assert "the digest of cpu_s does not fit" in refused(text, BaselineAlteredError)


def test_another_spelling_of_the_same_baseline_is_refused_at_its_first_line():
    indented = GOOD.replace('  "profile"', '    "profile"')
    assert refused(indented).startswith(f"b/a.json:{line_of('profile')}: the file is not spelled as it is written")
    assert refused(GOOD + "\n").startswith(f"b/a.json:{GOOD.count(chr(10)) + 2}: the file is not spelled")
    assert "not spelled" in refused(GOOD.rstrip("\n"))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_single_damaged_character_passes_or_raises_anything_else(data):
    place = data.draw(st.integers(0, len(GOOD) - 1))
    letter = data.draw(st.characters(max_codepoint=0x2FF))
    damaged = GOOD[:place] + letter + GOOD[place + 1 :]
    if damaged != GOOD:
        with pytest.raises(LedgerError, match=r"^b/a\.json:\d+: "):
            read(damaged, "b/a.json")


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_the_format_error(data):
    assert refused(data).startswith("b/a.json:")
