"""Finds the trust root: in git, at the protected ref, and nowhere else.

Rules:
- The protected ref comes from whoever verifies: a flag, a variable, or the default branch of ``origin``. It never comes
  from the project's files, which a pull request may change, and the trust root never from the work tree.
- A ref is taken by its full name, so that a tag or a branch of the same short name cannot take its place.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger import git
from ledger.errors import ConfigurationError
from ledger.trust.refusal import RefusedError
from ledger.trust.root import DIRECTORY, TrustRoot, parse_root

ACCEPTED: Final = f"{DIRECTORY}/accepted"
"""Where the protected ref keeps the manifest accepted last, a file per environment."""

VARIABLE: Final = "DAGSTER_LEDGER_PROTECTED_REF"
_REMOTE_DEFAULTS: Final = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master")
_LOCAL_DEFAULTS: Final = ("refs/heads/main", "refs/heads/master")


@dataclass(frozen=True, slots=True)
class Trusted:
    """A trust root, and the ref and commit it was read at.

    Attributes:
        root: The trust root.
        ref: Full name of the protected ref.
        commit: Its commit.
        accepted: Environment to the file of the manifest that was accepted last, where the ref keeps one.
    """

    root: TrustRoot
    ref: str
    commit: str
    accepted: Mapping[str, bytes] = field(default_factory=dict)


def protected_ref(project: Path, asked: str | None = None) -> str:
    """Return the full name of the protected ref.

    Args:
        project: Directory of the project.
        asked: What a person named: a full name, or a branch (``main``, ``origin/main``); the variable when ``None``,
            and where that is not set the default branch of ``origin``, or of a repository without any remote its own.

    Raises:
        ConfigurationError: There is no such ref.
    """
    named = asked or os.environ.get(VARIABLE)
    if named:
        candidates: tuple[str, ...] = (
            (named,) if named.startswith("refs/") else (f"refs/remotes/{named}", f"refs/heads/{named}")
        )
    else:
        candidates = _REMOTE_DEFAULTS if git.has_remotes(project) else _LOCAL_DEFAULTS
    for name in candidates:
        if git.commit_of(project, name) is not None:
            return name
    wanted = named or "the default branch of origin" if named or git.has_remotes(project) else "a branch main"
    message = (
        f"there is no protected ref ({wanted}) in the repository at {project}; name one with --protected-ref, or in"
        f" {VARIABLE}"
    )
    raise ConfigurationError(message)


def trusted(project: Path, asked: str | None = None) -> Trusted:
    """Return the trust root at the protected ref.

    Args:
        project: Directory of the project.
        asked: The protected ref; see ``protected_ref``.

    Raises:
        ConfigurationError: There is no such ref.
        RefusedError: ``no_trust_root`` or ``trust_root``.
    """
    ref = protected_ref(project, asked)
    commit, files = _read(project, ref)
    inside = {name.removeprefix("accepted/"): data for name, data in files.items() if name.startswith("accepted/")}
    accepted = {name.removesuffix(".json"): data for name, data in inside.items() if name.endswith(".json")}
    return Trusted(parse_root(files, f"{ref}:{DIRECTORY}"), ref, commit, accepted)


def files_of(project: Path, asked: str | None = None) -> tuple[str, dict[str, bytes]]:
    """Return the full name of the protected ref, and its files of the trust root, readable or not.

    Raises:
        ConfigurationError: There is no such ref.
        RefusedError: ``no_trust_root``; git cannot read it.
    """
    ref = protected_ref(project, asked)
    return ref, _read(project, ref)[1]


def _read(project: Path, ref: str) -> tuple[str, dict[str, bytes]]:
    """Return the commit of a ref, and its files of the trust root by their path in the directory."""
    commit = git.commit_of(project, ref)
    files = git.files_at(project, commit, DIRECTORY) if commit else None
    if commit is None or files is None:
        message = f"git cannot read {DIRECTORY} of {ref} in {project}; fetch the ref"
        raise RefusedError(message, "no_trust_root")
    return commit, files
