"""``python -m tests.scenarios``: every requirement as an executable scenario, and the table of docs/scenarios.md."""

import sys
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.catalog import REQUIREMENTS

_PAGE: Final = Path("docs/scenarios.md")
_MARKS: Final = ("<!-- scenarios: begin -->", "<!-- scenarios: end -->")


class Seen:
    """Keeps how each test ended, and what it left as evidence."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.outcomes: Final[dict[str, str]] = {}
        self.evidence: Final[dict[str, list[str]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down a test that ended, or failed before it began."""
        name = report.nodeid.rpartition("::test_")[2].partition("@")[0]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome
            self.evidence[name] = [str(value) for key, value in report.user_properties if key == "evidence"]


def table(seen: Seen) -> str:
    """Return requirement, scenario, what is promised and what was seen as Markdown."""
    lines = ["| requirement | scenario | what is promised | what was seen |", "|---|---|---|---|"]
    for requirement in REQUIREMENTS:
        for number, scenario in enumerate(requirement.scenarios):
            link = f"[{scenario.title}](../tests/scenarios/{requirement.module}.py)"
            told = "; ".join(seen.evidence.get(scenario.name, ())).replace("|", "\\|")
            passed = seen.outcomes.get(scenario.name) == "passed"
            found = told if passed else f"**{seen.outcomes.get(scenario.name, 'not run')}**"
            title = requirement.title if number == 0 else ""
            lines.append(f"| {title} | {link} | {scenario.promise} | {found} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the scenarios; write the page where all of them passed."""
    seen = Seen()
    words = ["-q", "-m", "exhaustive", "-p", "no:cacheprovider", str(Path(__file__).parent), *sys.argv[1:]]
    code = pytest.main(words, plugins=[seen])
    text = table(seen)
    sys.stdout.write(f"\n{text}")
    if code == 0:
        page = _PAGE.read_text(encoding="utf-8")
        before, after = page.split(_MARKS[0])[0], page.split(_MARKS[1])[1]
        _PAGE.write_text(f"{before}{_MARKS[0]}\n{text}{_MARKS[1]}{after}", encoding="utf-8")
    sys.exit(int(code))


if __name__ == "__main__":
    main()
