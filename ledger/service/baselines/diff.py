"""Compares the baselines of two commits, or of a commit and the work tree.

Rules:
- ``A..B`` compares the two, ``A...B`` what B has otherwise than where the two parted, ``A`` alone the work tree.
- How far a baseline may go from its anchor is said by the settings of the first.
"""

from pathlib import Path

from ledger import git
from ledger.baselines.changing import EntryChange, GivenUp, changes
from ledger.errors import ConfigurationError
from ledger.service.baselines.accepted import DIRECTORY, from_directory, from_ref
from ledger.service.baselines.config_changes import changed_attributes, loosened_settings, settings_of
from ledger.service.baselines.pull_request import PullRequest, parting
from ledger.service.gate.policy import allowance_of

Difference = tuple[tuple[EntryChange, ...], list[GivenUp]]


def difference(project: Path, commits: str) -> Difference:
    """Return the metrics whose baselines differ, and what is given up besides.

    Args:
        project: Directory of the project.
        commits: ``A..B``, ``A...B`` or ``A``; what is empty is ``HEAD``.

    Raises:
        ConfigurationError: There is no such commit, or a file is no baseline.
        IntegrityError: A baseline was edited by hand.
    """
    since_parting = "..." in commits
    first, dots, second = commits.partition("..." if since_parting else "..")
    base = _commit(project, first or "HEAD")
    allowance = allowance_of(settings_of(project, base).regression)
    if not dots:
        before = from_ref(project, base, first)
        return changes(before.all(), from_directory(project / DIRECTORY).all(), allowance), []
    name = second or "HEAD"
    head = _commit(project, name)
    if since_parting:
        base = parting(project, first or "HEAD", name, base, head)
        allowance = allowance_of(settings_of(project, base).regression)
    before, after = from_ref(project, base, base[:12]), from_ref(project, head, name)
    after = after.beside(before)
    request = PullRequest(first or "HEAD", base, head, name)
    others = [
        *loosened_settings(project, request),
        *changed_attributes(project, request, [f"{DIRECTORY}/{path}" for path in after.content]),
    ]
    return changes(before.all(), after.all(), allowance), others


def _commit(project: Path, name: str) -> str:
    found = git.commit_of(project, name)
    if found is None:
        message = f"git knows no commit {name!r} in {project}; fetch it, or name another as BASE..HEAD"
        raise ConfigurationError(message)
    return found
