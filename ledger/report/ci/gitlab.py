"""GitLab's code quality report: what got worse, and what a pass needs and nobody could judge.

The format is that of https://docs.gitlab.com/ci/testing/code_quality/, "Code Quality report format".
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from ledger.report import json
from ledger.report.ci.model import Place, Report, change_sentence, coverage
from ledger.report.gate import asset_text, sentence
from ledger.report.text import printable

SEVERITIES: Final = ("info", "minor", "major", "critical", "blocker")
_OF_REGRESSION: Final = {"warning": "minor", "error": "major", "critical": "critical"}
_LONGEST: Final = 1000


def code_quality(report: Report) -> str:
    """Return the report, an array of issues."""
    return json.dump(list(_issues(report))) + "\n"


def _issues(report: Report) -> Iterator[dict[str, Any]]:
    verdict = report.answer.verdict
    for one in report.of_state("regressed"):
        severity = _OF_REGRESSION[one.severity or "error"]
        said = f"{asset_text(one)} {one.metric} got worse: {change_sentence(one)}"
        yield _issue(f"regression/{one.kind}", severity, said, report.place_of(one), one.key)
    for name in verdict.missing:
        said = f"{name} is required, but the judged runs did not measure it"
        yield _issue("missing", "critical", said, report.elsewhere, ("missing", name))
    for one in report.of_state("inconclusive", "not_comparable"):
        if one.required:
            said = f"{asset_text(one)} {one.metric} is required and has no answer: {sentence(one)}"
            yield _issue("undecided", "major", said, report.place_of(one), ("open", *one.key))
    if verdict.outcome == "INCONCLUSIVE":
        said = f"the regression gate could not decide: {'; '.join((coverage(report), *verdict.causes))}"
        yield _issue("inconclusive", "major", said, report.elsewhere, ("gate",))


def _issue(check: str, severity: str, said: str, place: Place, key: tuple[str, ...]) -> dict[str, Any]:
    digest = hashlib.sha256("\0".join((check, *key)).encode("utf-8", "backslashreplace")).hexdigest()
    return {
        "description": printable(said, _LONGEST),
        "check_name": f"dagster-ledger/{check}",
        "fingerprint": digest,
        "severity": severity,
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
