"""Policies: read strictly, and approvals that different people must give."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.trust.policy import parse_policy, unmet_roles
from ledger.trust.refusal import RefusedError

ENVIRONMENT = {"approvals": {"ops": 1}, "jobs": ["j"], "max_age_s": 3600, "required_items": ["a"]}
POLICY = {"schema": 1, "principals": {"a@b.org": {"roles": ["ops"]}}, "environments": {"prod": ENVIRONMENT}}
ROLES = ("build", "ops", "audit")


def changed(**environment):
    return POLICY | {"environments": {"prod": ENVIRONMENT | environment}}


def test_a_policy_is_read():
    policy = parse_policy(json.dumps(POLICY).encode(), "p")
    assert policy.environments["prod"].approvals == {"ops": 1}


@pytest.mark.parametrize(
    "policy",
    [
        {},
        POLICY | {"schema": 2},
        POLICY | {"more": 1},
        POLICY | {"environments": {}},
        changed(approvals={}),
        changed(approvals={"ops": 0}),
        changed(approvals={"ops": True}),
        changed(jobs=[]),
        changed(max_age_s=10**9),
        changed(max_age_s="3600"),
        changed(required_items=[]),
        POLICY | {"principals": {"*": {"roles": []}}},
    ],
)
def test_a_policy_that_says_less_or_more_is_refused(policy):
    with pytest.raises(RefusedError) as refused:
        parse_policy(json.dumps(policy).encode(), "p")
    assert refused.value.reason == "trust_root"
    assert str(refused.value).count("\n") == 0


def test_a_key_twice_in_a_policy_is_refused():
    text = json.dumps(POLICY).replace('"max_age_s": 3600', '"max_age_s": 60, "max_age_s": 3600')
    with pytest.raises(RefusedError) as refused:
        parse_policy(text.encode(), "p")
    assert refused.value.reason == "duplicate_key"


def brute(approvals, people):
    """Return whether some way of giving one approval to each of some people meets them all."""
    slots = [role for role, count in approvals.items() for _ in range(count)]
    return any(
        all(slot in people[person] for slot, person in zip(slots, chosen, strict=True))
        for chosen in itertools.permutations(people, len(slots))
    )


@given(
    st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), min_size=1),
    st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from(ROLES), unique=True), max_size=5),
)
def test_as_many_approvals_are_met_as_can_be(approvals, people):
    missing = unmet_roles(approvals, people)
    assert (not missing) == brute(approvals, people)
    assert len(missing) <= sum(approvals.values())
    if missing:
        rest = dict(approvals)
        for role in missing:
            rest[role] -= 1
        assert brute({role: count for role, count in rest.items() if count}, people)
