"""What a repository with baselines needs: attributes of their files, how git shows changes of them, whom to ask."""

from pathlib import Path
from typing import Final

from ledger.service.baselines.accepted import DIRECTORY
from ledger.service.project.pieces import Lines, Piece, Setting, TextFile

ATTRIBUTES: Final = ".gitattributes"
DRIVER: Final = "dagster-baseline"
LINES: Final = (
    f"{DIRECTORY}/**/*.json text eol=lf",
    f"{DIRECTORY}/**/*.json diff={DRIVER}",
    f"{DIRECTORY}/**/*.waiver text eol=lf",
)
"""Attributes of baselines: the same bytes on every platform, and changes shown metric by metric."""

OWNERS: Final = f"{DIRECTORY}/CODEOWNERS.example"
_COMMENT: Final = "# Baselines: the same bytes whatever the platform ends lines with; changes shown metric by metric."
# Where the program is not at hand, the file is shown as it is: git shows nothing at all where its driver fails.
_SETTINGS: Final = (
    (f"diff.{DRIVER}.textconv", 'f() { dagster-ledger baseline textconv "$1" 2> /dev/null || cat "$1"; }; f'),
    (f"diff.{DRIVER}.cachetextconv", "false"),
)
_OWNERS_TEXT: Final = f"""\
# Lines for the CODEOWNERS file of the repository, so that who answers for what is accepted reviews its changes.
# Put your own people or teams in. The last line that matches a file counts, so they belong at the end.
/{DIRECTORY}/      @your-org/performance
/config/           @your-org/performance
/config/trust/     @your-org/security
/.gitattributes    @your-org/performance
/CODEOWNERS        @your-org/security
"""


def pieces(project: Path) -> tuple[Piece, ...]:
    """Return what the repository that a project lies in needs for baselines."""
    return (
        Lines(project, ATTRIBUTES, _COMMENT, LINES, lambda line: " ".join(line.split())),
        *(Setting(project, name, value) for name, value in _SETTINGS),
        TextFile(project, OWNERS, _OWNERS_TEXT),
    )
