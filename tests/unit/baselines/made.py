"""Baselines of any shape, as hypothesis strategies, and one that tests take apart."""

from hypothesis import strategies as st

from ledger.baselines import (
    CHANGE_KINDS,
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Change,
    Checkpoint,
    MetricBaseline,
    rounded,
)
from ledger.metrics import DIRECTIONS
from ledger.units import UNITS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBERS = st.one_of(st.floats(-1e17, 1e17), st.floats(-10, 10), st.integers(0, 10**12).map(float)).map(rounded)
RUNS = st.builds(
    AcceptedRun,
    run_id=TEXTS,
    value=NUMBERS,
    rows=st.none() | st.integers(0, 10**12),
    code_version=st.none() | TEXTS,
)
SAMPLES = st.builds(
    AcceptedSample,
    runs=st.lists(RUNS, min_size=1, max_size=6, unique_by=lambda run: run.run_id).map(tuple),
    machine_digest=TEXTS,
    machine=TEXTS,
    config_digest=TEXTS,
    dataset_id=st.none() | TEXTS,
    size_class=st.none() | TEXTS,
    checkpoint=st.none() | st.builds(Checkpoint, size=st.integers(0, 10**9), root=TEXTS),
    label=st.none() | TEXTS,
)
ENTRIES = st.builds(
    MetricBaseline,
    metric=TEXTS,
    unit=st.sampled_from(sorted(UNITS)),
    direction=st.sampled_from(DIRECTIONS),
    current=SAMPLES,
    change=st.builds(Change, kind=st.sampled_from(CHANGE_KINDS), reason=TEXTS),
    anchor=st.none() | SAMPLES,
    limit=st.none() | NUMBERS,
    floor=st.none() | NUMBERS,
    supersedes=st.none() | TEXTS,
)
BASELINES = st.builds(
    Baseline,
    asset=TEXTS,
    profile=TEXTS,
    metrics=st.lists(ENTRIES, max_size=3, unique_by=lambda entry: entry.metric).map(
        lambda entries: tuple(sorted(entries, key=lambda entry: entry.metric))
    ),
    partition=st.none() | TEXTS,
)


def sample(*values, first_run=0, **changes) -> AcceptedSample:
    runs = tuple(AcceptedRun(f"run-{first_run + i}", value, 100, "c0ffee") for i, value in enumerate(values))
    facts = {"machine_digest": "m" * 64, "machine": "2 cores", "config_digest": "c" * 64, "size_class": "2^6"}
    return AcceptedSample(runs, **(facts | changes))


def entry(metric="duration_s", *values, **changes) -> MetricBaseline:
    facts = {
        "unit": "s", "direction": "lower_is_better", "current": sample(*(values or (1.0, 1.25, 1.5))),
        "change": Change("establish", "first runs"),
    }  # fmt: skip
    return MetricBaseline(metric, **(facts | changes))


def baseline(*entries, **changes) -> Baseline:
    found = entries or (entry("cpu_s"), entry("duration_s", anchor=sample(0.9, first_run=7, label="v1")))
    return Baseline(**({"asset": "sales/orders", "profile": "epyc-2", "metrics": found} | changes))
