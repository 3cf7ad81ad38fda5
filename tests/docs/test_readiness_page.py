"""docs/readiness.md tells every reason for a refusal and every item, as the code has them."""

from pathlib import Path

import pytest

from ledger.checklist import CRITICAL, ITEMS
from ledger.trust.refusal import REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "readiness.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_told_as_the_code_has_it(code):
    assert f"| `{code}` | {REASONS[code]} |" in PAGE


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_told_as_the_code_has_it(name):
    word = "critical" if name in CRITICAL else "advice"
    assert f"| `{name}` | {ITEMS[name].asks} | {word} |" in PAGE


def test_the_page_tells_nothing_that_is_not_there():
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted([*REASONS, *ITEMS])
