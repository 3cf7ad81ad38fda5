"""``python -m tests.docs.metrics``: writes the table of metrics into docs/monitoring.md, from the list of them."""

import re
from pathlib import Path

from ledger.report.monitoring.naming import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"


def table() -> str:
    """Return the table, a row for each metric."""
    rows = [
        f"| `{family.name}` | {', '.join(family.labels) or 'none'} | {family.meaning} |" for family in FAMILIES.values()
    ]
    return "\n".join(["| metric | labels | |", "|---|---|---|", *rows])


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    return re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table()}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
