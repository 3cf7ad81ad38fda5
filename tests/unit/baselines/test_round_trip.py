"""What is written is read again, to the byte, and fits the published schema."""

import json
import subprocess
from importlib import resources

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ledger.baselines
from ledger.baselines import SCHEMA_FILE, Baseline, Change, read, rounded, size_class_of, write
from ledger.baselines.model import decimal_text
from ledger.errors import ConfigurationError
from tests.unit.baselines.made import BASELINES, ENTRIES, baseline, entry, sample

SCHEMA = json.loads(resources.files(ledger.baselines).joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@given(BASELINES)
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_written_and_fits_the_schema(made):
    text = write(made)
    assert read(text, "a.json") == made
    assert read(text.encode(), "a.json") == made
    assert write(read(text, "a.json")) == text
    VALIDATOR.validate(json.loads(text))
    assert text.endswith("}\n")
    assert "\r" not in text


def test_the_schema_is_valid_and_refuses_what_reading_refuses():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    good = json.loads(write(baseline()))
    assert VALIDATOR.is_valid(good)
    for damage in (
        lambda file: file.update(schema=2),
        lambda file: file.update(note="x"),
        lambda file: file["metrics"]["cpu_s"].pop("unit"),
        lambda file: file["metrics"]["cpu_s"].update(limit=0.1),
        lambda file: file["metrics"]["cpu_s"]["current"].update(runs=[]),
        lambda file: file["metrics"]["cpu_s"]["current"]["runs"][0].update(value="1.50"),
        lambda file: file["metrics"]["cpu_s"]["change"].update(kind="forget"),
    ):
        bad = json.loads(json.dumps(good))
        damage(bad)
        assert not VALIDATOR.is_valid(bad)


def test_the_file_is_readable_by_people_and_has_a_line_per_run():
    lines = write(baseline(entry("duration_s", 1.0, 1.25, 1.5), asset="a")).splitlines()
    assert lines[:4] == ["{", '  "asset": "a",', '  "metrics": {', '    "duration_s": {']
    runs = [line.strip() for line in lines if "run_id" in line]
    assert runs[0] == '{"code_version": "c0ffee", "rows": 100, "run_id": "run-0", "value": "1"},'
    assert [line for line in lines if '"median"' in line] == ['        "median": "1.25",']
    assert lines[-4:] == ['  "partition": null,', '  "profile": "epyc-2",', '  "schema": 1', "}"]


@given(st.floats(-1e17, 1e17))
def test_rounding_is_idempotent_and_off_by_less_than_a_millionth(value):
    assert rounded(rounded(value)) == rounded(value)
    assert float(decimal_text(rounded(value))) == rounded(value)
    assert abs(rounded(value) - value) <= 0.51e-6 + abs(value) * 1e-15


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (baseline(entry("b"), entry("a")), "not sorted by name"),
        (baseline(entry("a", current=sample())), "a/current has no runs"),
        (baseline(entry("a", 1.0, float("nan"))), "holds nan"),
        (baseline(entry("a", 1 / 3)), r"holds 0\.3333\d+, which is not below 10\^18 and rounded"),
        (baseline(entry("a", 1e18)), r"holds 1e\+18"),
        (baseline(entry("a", unit="furlongs")), "unknown unit 'furlongs'"),
        (baseline(entry("a", change=Change("establish", ""))), "'' is no text that can be stored"),
        (baseline(entry("a"), asset="\ud800"), "is no text that can be stored"),
    ],
    ids=["order", "no runs", "nan", "not rounded", "too large", "unit", "no reason", "half a character"],
)
def test_what_cannot_be_read_again_is_not_written(changed, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        write(changed)


def test_a_run_twice_is_not_written():
    runs = sample(1.0).runs * 2
    with pytest.raises(ConfigurationError, match="names run 'run-0' twice"):
        write(baseline(entry("a", current=sample(1.0).__class__(runs, "m", "m", "c"))))


def merged(tmp_path, base: Baseline, ours: Baseline, theirs: Baseline) -> tuple[int, str]:
    """Return what git makes of two changes: the number of conflicts, and the text."""
    for name, version in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text(write(version), encoding="utf-8", newline="")
    command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    return done.returncode, done.stdout.decode("utf-8")


@given(ENTRIES, ENTRIES, st.sampled_from([(0, 1), (1, 2), (0, 2)]))
@settings(max_examples=25, deadline=None)
def test_changes_of_different_metrics_merge_to_what_both_wanted(tmp_path_factory, first, second, places):
    tmp_path = tmp_path_factory.mktemp("merge")
    base = [entry(name, 1.0, 2.0, 3.0) for name in ("a", "b", "c")]
    changes = [replaced(first, base[places[0]]), replaced(second, base[places[1]])]
    ours, theirs, both = [*base], [*base], [*base]
    ours[places[0]] = both[places[0]] = changes[0]
    theirs[places[1]] = both[places[1]] = changes[1]
    conflicts, text = merged(tmp_path, *(baseline(*entries) for entries in (base, ours, theirs)))
    assert conflicts == 0
    assert text == write(baseline(*both))
    assert read(text, "merged.json") == baseline(*both)


def replaced(new, old):
    """Return the new entry under the old one's name, unit and direction, as a change of a baseline is."""
    return entry(
        old.metric, unit=old.unit, direction=old.direction, current=new.current, anchor=new.anchor, limit=new.limit,
        floor=new.floor, change=new.change, supersedes="d" * 64,
    )  # fmt: skip


def test_two_changes_of_one_metric_are_a_conflict_that_reading_tells(tmp_path):
    base, ours, theirs = (baseline(entry("a", value)) for value in (1.0, 2.0, 3.0))
    conflicts, text = merged(tmp_path, base, ours, theirs)
    assert conflicts > 0
    with pytest.raises(ConfigurationError, match=r"merged\.json:\d+: a merge left '<<<<<<<' behind"):
        read(text, "merged.json")


@pytest.mark.parametrize(
    ("rows", "label"),
    [((), None), ((None, None), None), ((0,), "2^0"), ((127, None, 129), "2^7"), ((100_000,), "2^16")],
)
def test_size_classes_are_powers_of_two(rows, label):
    assert size_class_of(rows) == label
