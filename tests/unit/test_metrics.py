"""The metric registry: what it holds, what it refuses, and how an undeclared name is answered."""

import dataclasses
import re

import pytest

from ledger.errors import ConfigurationError
from ledger.metrics import BUILT_IN, DIRECTIONS, KINDS, Metric, lookup, with_declared
from ledger.units import UNITS

_SUFFIXES = {"_s": {"s", "rows/s"}, "_bytes": {"bytes"}, "_rows": {"rows"}, "_rate": {"ratio"}}
OWN = Metric("tokens", "count", "lower_is_better", "size", "Tokens the asset used.")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_metric_uses_the_closed_lists_and_says_what_it_is(name):
    metric = BUILT_IN[name]
    assert metric.name == name
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert metric.unit in UNITS
    assert metric.direction in DIRECTIONS
    assert metric.kind in KINDS
    assert metric.description.endswith(".")


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_unit_in_a_name_is_the_unit_of_the_metric(name):
    promised = [units for suffix, units in _SUFFIXES.items() if name.endswith(suffix)]
    assert all(BUILT_IN[name].unit in units for units in promised)


def test_a_declared_metric_is_added_and_the_built_in_ones_are_left_as_they_were():
    before = dict(BUILT_IN)
    registry = with_declared([OWN])
    assert lookup(registry, "tokens") == OWN
    assert {name: registry[name] for name in before} == before
    assert before == BUILT_IN


def test_a_registry_cannot_be_changed_behind_its_back():
    for registry in (BUILT_IN, with_declared([OWN])):
        with pytest.raises(TypeError):
            registry["tokens"] = OWN


@pytest.mark.parametrize(
    "change",
    [{"unit": "ratio"}, {"direction": "higher_is_better"}, {"kind": "quality"}],
    ids=lambda change: next(iter(change)),
)
def test_a_name_that_means_something_else_already_is_refused(change):
    with pytest.raises(ConfigurationError, match=r"'tokens' is declared as .* but already means .*another name"):
        with_declared([OWN, dataclasses.replace(OWN, **change)])
    with pytest.raises(ConfigurationError, match="'duration_s'"):
        with_declared([dataclasses.replace(BUILT_IN["duration_s"], unit="count")])


def test_the_same_meaning_declared_twice_is_one_metric_and_the_last_description_holds():
    registry = with_declared([OWN, dataclasses.replace(OWN, description="Tokens, all told.")])
    assert registry["tokens"].description == "Tokens, all told."
    assert len(registry) == len(BUILT_IN) + 1


@pytest.mark.parametrize(("field", "choice"), [("unit", "rows/s"), ("direction", "neutral"), ("kind", "overhead")])
def test_a_word_outside_the_closed_lists_is_refused_with_the_choices(field, choice):
    with pytest.raises(ConfigurationError, match=rf"'tokens' has {field} 'parsecs'; choose one of .*{choice}"):
        with_declared([dataclasses.replace(OWN, **{field: "parsecs"})])


def test_an_undeclared_name_is_answered_with_the_closest_one_and_the_way_to_declare_it():
    with pytest.raises(ConfigurationError, match=r"did you mean 'match_rate'\?") as raised:
        lookup(BUILT_IN, "matchrate")
    assert "Metric('matchrate', unit, direction, kind, description)" in str(raised.value)
    assert "`metrics:` in config/base.yaml" in str(raised.value)


def test_a_name_close_to_none_is_answered_without_a_guess():
    with pytest.raises(ConfigurationError, match="'zzz' is not declared; declare it with"):
        lookup(BUILT_IN, "zzz")
