"""What continuous integration reads: one report, and an entry here for each format it is written in.

Rules:
- A format is a function from the report to a text; to add one, write it in a file beside this one and enter it here.
- Every format is made from the same report, several at once, and none changes the verdict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.report import json
from ledger.report.ci.github import annotations
from ledger.report.ci.gitlab import code_quality
from ledger.report.ci.junit import xml
from ledger.report.ci.markdown import comment, summary
from ledger.report.ci.model import Place, Report
from ledger.report.ci.openmetrics import metrics
from ledger.report.ci.sarif import sarif
from ledger.report.gate import document

__all__ = ["FORMATS", "Format", "Place", "Report"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the function that writes it, and what it is for."""

    write: Callable[[Report], str]
    purpose: str


def _json(report: Report) -> str:
    return json.dump(document(report.answer)) + "\n"


FORMATS: Final[Mapping[str, Format]] = {
    "markdown": Format(summary, "the whole answer, for a step summary"),
    "comment": Format(comment, "the one comment on a pull request, short enough for GitHub"),
    "github": Format(annotations, "annotations of GitHub Actions"),
    "junit": Format(xml, "test results for Jenkins, GitLab and others"),
    "sarif": Format(sarif, "code scanning, SARIF 2.1.0"),
    "gitlab": Format(code_quality, "GitLab's code quality report"),
    "metrics": Format(metrics, "GitLab's metrics report, OpenMetrics text"),
    "json": Format(_json, "the document of `--format json`, for programs of your own"),
}
"""Name after ``--report`` to its format."""
