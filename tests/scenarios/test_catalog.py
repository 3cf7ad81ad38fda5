"""The catalogue is whole: each scenario is a test, a line of the page, and has a change that its test must notice."""

import re
import shlex

import yaml

from tests.scenarios.catalog import REQUIREMENTS
from tests.scenarios.conftest import ROOT

SCENARIOS = {
    scenario.name: (requirement, scenario) for requirement in REQUIREMENTS for scenario in requirement.scenarios
}


def test_each_scenario_is_a_test_and_each_test_a_scenario():
    found = set()
    for requirement in REQUIREMENTS:
        text = (ROOT / "tests" / "scenarios" / f"{requirement.module}.py").read_text(encoding="utf-8")
        names = set(re.findall(r"^def test_(\w+)\(", text, re.MULTILINE))
        assert names == {scenario.name for scenario in requirement.scenarios}
        found |= names
    assert found == SCENARIOS.keys()
    assert len(SCENARIOS) == 21


def test_each_scenario_has_a_change_that_its_test_must_notice():
    mutations = yaml.safe_load((ROOT / "tests" / "mutations" / "mutations.yaml").read_text(encoding="utf-8"))
    named = {words[-1] for entry in mutations if "tests/scenarios" in (words := shlex.split(entry["test"]))[0]}
    assert named == SCENARIOS.keys()


def test_the_page_shows_each_scenario_with_what_was_seen():
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    for requirement, scenario in SCENARIOS.values():
        link = re.escape(f"[{scenario.title}](../tests/scenarios/{requirement.module}.py)")
        assert re.search(rf"\| {link} \| {re.escape(scenario.promise)} \| [^*|]+ \|$", page, re.MULTILINE), (
            scenario.name
        )
