"""Findings to one word, with the counts."""

import dataclasses

import pytest

from ledger.stats import Assessment, EnvironmentShift, Finding, Policy
from ledger.verdict import verdict_of


def finding(state, severity=None, *, required=False, asset="a", reasons=()):
    return Finding(
        asset=asset,
        partition=None,
        metric="duration_s",
        kind="time",
        direction="lower_is_better",
        unit="s",
        required=required,
        state=state,
        severity=severity,
        limit=0.1,
        reasons=reasons,
    )


def verdict(*findings, missing=(), shift=None, policy=None):
    return verdict_of(Assessment(findings=findings, environment_shift=shift), policy, missing)


OK = finding("ok")
OPEN = finding("inconclusive")


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ((OK, OK), "PASS"),
        ((OK, finding("improved")), "PASS"),
        ((OK, OPEN), "WARN"),
        ((OK, finding("regressed", "warning")), "WARN"),
        ((OK, finding("regressed", "error")), "FAIL"),
        ((OK, finding("regressed", "critical")), "FAIL"),
        ((OPEN, OPEN, finding("regressed", "error")), "FAIL"),
        ((OK, OK, finding("inconclusive", required=True)), "INCONCLUSIVE"),
        ((OK, OK, finding("not_comparable", required=True)), "INCONCLUSIVE"),
        ((OK, OPEN, OPEN), "INCONCLUSIVE"),
        ((OPEN,), "INCONCLUSIVE"),
        ((finding("not_comparable"),), "INCONCLUSIVE"),
        ((), "INCONCLUSIVE"),
    ],
)
def test_outcomes(findings, outcome):
    assert verdict(*findings).outcome == outcome


def test_a_gate_that_judged_nothing_never_passes_whatever_the_policy():
    lax = dataclasses.replace(Policy(), min_judged_ratio=0.0)
    assert verdict(policy=lax).outcome == "INCONCLUSIVE"
    assert verdict(OPEN, policy=lax).outcome == "INCONCLUSIVE"


def test_a_required_metric_that_is_missing_fails():
    found = verdict(OK, missing=["a recall"])
    assert found.outcome == "FAIL"
    assert found.causes == ("a recall is required and missing",)


def test_a_shift_beyond_the_limit_is_inconclusive_but_hides_no_failure():
    shift = EnvironmentShift(
        source="assets",
        shift_ratio=0.2,
        agreement=1.0,
        assets=20,
        probe_ratio=None,
        confirmed=False,
        exceeds_limit=True,
        sentence="everything moved",
    )
    assert verdict(OK, shift=shift).causes == ("everything moved",)
    assert verdict(OK, finding("regressed", "error"), shift=shift).outcome == "FAIL"


def test_the_sentence_gives_the_counts_and_the_commonest_refusal_first():
    other = finding("not_comparable", reasons=("other machine class",))
    found = verdict(OK, OK, OK, OPEN, other, finding("not_comparable", reasons=("other data",)), other)
    assert found.sentence == (
        "judged 3 of 7; 1 undecided; 2 not comparable: other machine class; 1 not comparable: other data"
    )
    assert (found.judged, found.total) == (3, 7)


def test_the_gravest_regression_is_named_first():
    found = verdict(finding("regressed", "error", asset="x"), finding("regressed", "critical", asset="y"))
    assert found.causes[0].startswith("y duration_s")
