"""Finds the two commits that a pull request is between: the merge base on the protected ref, and its head.

Rules:
- What is accepted is what the protected ref had where the pull request left it. The base is a branch, taken by its full
  name as in ``ledger.service.trust.root``, so that a tag of the same name cannot take its place.
- The head is a commit, never the work tree. Of a merge that a CI service made of both, the merge base is the tip of
  the protected ref, and the head holds what would be merged.
- Where the history at hand is cut off, nothing is guessed: it is said how to fetch the rest.
"""

from dataclasses import dataclass
from pathlib import Path

from ledger import git
from ledger.errors import ConfigurationError
from ledger.service.trust.root import protected_ref


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The commits of a pull request.

    Attributes:
        ref: Full name of the protected ref.
        base: Commit of the merge base.
        head: Commit of the head.
        head_name: What the head was called.
    """

    ref: str
    base: str
    head: str
    head_name: str

    @property
    def base_shown(self) -> str:
        """The merge base, for people."""
        short = self.ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
        return f"{short} at {self.base[:12]}"

    @property
    def head_shown(self) -> str:
        """The head, for people."""
        return self.head[:12] if self.head.startswith(self.head_name) else f"{self.head_name} at {self.head[:12]}"


def pull_request(project: Path, base: str | None = None, head: str | None = None) -> PullRequest:
    """Return the commits between which a pull request lies.

    Args:
        project: Directory of the project.
        base: The protected ref; see ``ledger.service.trust.root.protected_ref``.
        head: A commit or ref; ``HEAD`` when ``None``.

    Raises:
        ConfigurationError: There is no such ref or commit, they have no history in common, or it is not at hand.
    """
    ref, name = protected_ref(project, base), head or "HEAD"
    commit = git.commit_of(project, name)
    if commit is None:
        message = f"git knows no commit {name!r} in {project}; fetch it, or name another with --head"
        raise ConfigurationError(message)
    return PullRequest(ref, parting(project, ref, name, ref, commit), commit, name)


def parting(project: Path, ref: str, name: str, one: str, other: str) -> str:
    """Return the commit (hex) where two histories part.

    Args:
        project: Directory of the project.
        ref: What the first is called.
        name: What the second is called.
        one: The first commit or ref.
        other: The second.

    Raises:
        ConfigurationError: There is none or several, or the history that holds it is not at hand.
    """
    found = git.merge_bases(project, one, other)
    if len(found) == 1:
        return found[0]
    if found:
        message = (
            f"{ref} and {name} have {len(found)} merge bases ({', '.join(one[:12] for one in found)}), so nobody knows"
            f" what was accepted; merge {ref} into the branch once more, or rebase it"
        )
        raise ConfigurationError(message)
    if git.is_shallow(project):
        message = (
            f"the clone is shallow, and the merge base of {ref} and {name} is not in it; fetch the history with"
            " `git fetch --unshallow`, or enough of it with `git fetch --deepen=200`"
        )
        raise ConfigurationError(message)
    message = f"{ref} and {name} have no commit in common; name the branch that {name} was made from with --base"
    raise ConfigurationError(message)
