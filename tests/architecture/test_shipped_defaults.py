"""What is shown of the gate is shown with what is shipped: limits, floors and thresholds are nobody's to bend."""

import re
from pathlib import Path

import pytest
import yaml

from ledger.service.gate.policy import policy_of
from ledger.settings import RegressionSettings
from ledger.stats import Policy

ROOT = Path(__file__).parents[2]
SHOWN = sorted(
    [
        *(ROOT / "tests" / "benchmarks" / "stats").glob("*.py"),
        *(ROOT / "tests" / "demonstrations").glob("*.py"),
        *(ROOT / "assets").rglob("*.py"),
        *(ROOT / "config").glob("*.yaml"),
        ROOT / "Makefile",
        ROOT / ".ci" / "run",
    ]
)
BENT = re.compile(
    r"Policy\([^)\s]|replace\(\s*(?:policy|Policy)|\b(?:limit|floor|alpha|limits|floors)="
    r"|regression\.(?:limits|floors|alpha|confidence|error_from|critical_from|min_judged_ratio)"
    r"|REGRESSION__|--set[ =]regression",
)


def test_the_requirements_numbers_are_the_defaults():
    policy = Policy()
    assert (policy.limits["time"], policy.limits["memory"], policy.limits["quality"]) == (0.10, 0.20, 0.02)
    assert (policy.floors["time"], policy.floors["memory"]) == (0.1, 16 * 2**20)
    assert (policy.error_from, policy.critical_from, policy.min_judged_ratio) == (1.0, 2.5, 0.5)


def test_settings_and_the_shipped_file_say_what_the_statistics_have_by_themselves():
    shipped = yaml.safe_load((ROOT / "config" / "base.yaml").read_text())["regression"]
    assert policy_of(RegressionSettings()) == policy_of(RegressionSettings.model_validate(shipped)) == Policy()


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_demonstrated_and_measured_bends_nothing(path):
    text = path.read_text(encoding="utf-8")
    if path.name == "base.yaml":
        text = text.partition("\nregression:")[0]
    assert [found[0] for found in BENT.finditer(text)] == []
