"""Samples are made from what the ledger measured, and are held against it again."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.baselines import Change, MetricBaseline, RunFacts, accepted_sample, read, recompute, write
from ledger.errors import ConfigurationError
from tests.unit.baselines.made import baseline, entry, sample

COLUMNS = {
    "asset": pa.string(), "partition": pa.string(), "metric": pa.string(), "value": pa.float64(), "unit": pa.string(),
    "run_id": pa.string(),
}  # fmt: skip


def table(*lines) -> pa.Table:
    columns = list(zip(*lines, strict=True)) or [()] * len(COLUMNS)
    return pa.table(dict(zip(COLUMNS, columns, strict=True)), schema=pa.schema(COLUMNS))


def measured(values, asset="sales/orders", partition=None, first=0, rows=100.0) -> list[tuple]:
    lines = []
    for number, value in enumerate(values, first):
        lines.append((asset, partition, "duration_s", value, "s", f"run-{number}"))
        lines.append((asset, partition, "rows_in", rows, "rows", f"run-{number}"))
    return lines


FACT = RunFacts("m" * 64, "2 cores", "c" * 64, "c0ffee")
HELD = baseline(entry("duration_s", anchor=sample(0.5, first_run=7, label="v1")))
LINES = [*measured((1.0, 1.25, 1.5)), *measured((0.5,), first=7)]


@given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_a_sample_made_from_the_ledger_is_confirmed_by_it_after_writing_and_reading(values):
    lines = table(*measured(values), *measured((9.0, 9.0)[:1], asset="other"))
    facts = {f"run-{number}": FACT for number in range(len(values))}
    own = lines.filter(pa.compute.equal(lines.column("asset"), "sales/orders"))
    made = accepted_sample(own, "duration_s", facts)
    entry_ = MetricBaseline("duration_s", "s", "lower_is_better", made, Change("establish", "x"))
    held = read(write(baseline(entry_)), "a.json")
    assert recompute(held, lines, facts) == ()
    assert [run.run_id for run in made.runs] == list(facts)
    assert made.values == pytest.approx(values, abs=1e-6)
    assert (made.size_class, made.runs[0].rows, made.runs[0].code_version) == ("2^6", 100, "c0ffee")


def test_a_ledger_that_holds_all_confirms_all_whatever_else_it_holds_and_in_whatever_order():
    others = [*measured((7.0, 8.0, 9.0), asset="other"), *measured((7.0,), partition="2026")]
    assert recompute(HELD, table(*reversed([*LINES, *others]))) == ()


def test_a_run_that_the_ledger_lacks_is_named():
    (told,) = recompute(HELD, table(*LINES[:-2]))
    assert (told.metric, told.sample, told.run_id, told.problem) == ("duration_s", "anchor", "run-7", "missing_run")
    assert told.sentence() == "duration_s (anchor) of run run-7: the ledger has no value, the baseline has 0.5"
    assert [told.run_id for told in recompute(HELD, table())] == ["run-0", "run-1", "run-2", "run-7"]


def test_another_value_unit_or_size_is_told_with_both():
    lines = [*measured((1.0, 1.2500006, 1.5), rows=99.0), *measured((0.5,), first=7)]
    lines[4] = ("sales/orders", None, "duration_s", 1.5, "bytes", "run-2")
    told = [(found.run_id, found.problem, found.accepted, found.found) for found in recompute(HELD, table(*lines))]
    assert told == [
        ("run-0", "other_rows", "100", "99"),
        ("run-1", "other_value", "1.25", "1.250001"),
        ("run-1", "other_rows", "100", "99"),
        ("run-2", "other_unit", "s", "bytes"),
        ("run-2", "other_rows", "100", "99"),
    ]


def test_what_the_written_decimals_do_not_show_is_no_difference():
    lines = [*measured((1.0000004, 1.25, 1.5)), *measured((0.5,), first=7)]
    assert recompute(HELD, table(*lines)) == ()


def test_several_values_of_one_run_are_told():
    (told,) = recompute(HELD, table(*LINES, ("sales/orders", None, "duration_s", 4.0, "s", "run-1")))
    assert (told.run_id, told.problem, told.found) == ("run-1", "several_values", "1.25, 4")


def test_another_machine_configuration_or_commit_is_told_where_facts_are_given():
    facts = {f"run-{number}": FACT for number in (0, 1, 7)}
    facts["run-1"] = RunFacts("m" * 64, "2 cores", "d" * 64, "bad")
    told = [(found.run_id, found.problem) for found in recompute(HELD, table(*LINES), facts)]
    assert told == [("run-1", "other_circumstances"), ("run-1", "other_circumstances"), ("run-2", "missing_run")]


def test_a_partition_has_a_baseline_of_its_own():
    held = baseline(entry("duration_s", 1.0), partition="2026")
    assert recompute(held, table(*measured((1.0,), partition="2026"))) == ()
    assert [told.problem for told in recompute(held, table(*measured((1.0,))))] == ["missing_run"]


@pytest.mark.parametrize(
    ("lines", "facts", "sentence"),
    [
        (measured((1.0,)), {"run-0": FACT, "run-9": FACT}, "run run-9 has 0 values of duration_s"),
        (measured((1.0,)) * 2, {"run-0": FACT}, "run run-0 has 2 values of duration_s"),
        (measured((1.0,)), {}, "0 runs of duration_s are of 0 machines"),
        (
            measured((1.0, 2.0)),
            {"run-0": FACT, "run-1": RunFacts("n" * 64, "4 cores", "c" * 64)},
            "2 runs of duration_s are of 2 machines, configurations and data sets",
        ),
    ],
    ids=["no value", "two values", "no runs", "two machines"],
)
def test_what_is_no_sample_is_refused(lines, facts, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        accepted_sample(table(*lines), "duration_s", facts)
