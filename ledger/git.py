"""What git says about the code that runs.

Rules:
- Variables that redirect git (``GIT_DIR`` and friends) are taken away, so that the answer is about the directory asked.
- No lock is taken and no index is refreshed: looking must not disturb a person who works in the repository.
- Replacement objects are not followed: what a commit holds is what its id says.
- Whether files differ from a commit is asked of an index made for it, since flags in the repository's own may hide one.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 10.0
_WHOLE_TREE_TIMEOUT_S: Final = 300.0
_SAME_BYTES: Final = (
    *("-c", "tar.umask=0002"),
    *("-c", "core.autocrlf=false"),
    *("-c", "core.eol=lf"),
    *("-c", f"core.attributesFile={os.devnull}"),
)
"""Settings with which an archive has the same bytes, whoever asks."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """The commit (40 or 64 hex digits), and whether tracked files differ from it."""

    commit: str
    dirty: bool


def code_state(directory: Path) -> CodeState | None:
    """Return the state of the repository a directory lies in, ``None`` without repository, commit or git."""
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not commit:
        return None
    changed = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return CodeState(commit.strip(), bool(changed)) if changed is not None else None


def commit_of(directory: Path, ref: str) -> str | None:
    """Return the commit (hex) that a ref names, ``None`` where there is none, no repository or no git."""
    found = _git(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return found.strip() if found else None


def has_remotes(directory: Path) -> bool:
    """Return whether a repository knows any remote."""
    return bool(_git(directory, "remote"))


def root_of(directory: Path) -> Path | None:
    """Return the top of the work tree that a directory lies in, ``None`` outside of one."""
    found = _git(directory, "rev-parse", "--show-toplevel")
    return Path(found.rstrip("\n")) if found else None


def archive(directory: Path, commit: str) -> bytes | None:
    """Return the files of a commit below a directory as an uncompressed tar, the same bytes each time."""
    words = (*_SAME_BYTES, "archive", "--format=tar", commit)
    return _git_bytes(directory, *words, timeout_s=_WHOLE_TREE_TIMEOUT_S)


def changed_files(directory: Path, commit: str) -> list[str] | None:
    """Return the files of a commit that the work tree has otherwise or not at all, ``None`` where git failed.

    They are named from the top of the repository. Nothing hides one: no flag of the index is asked.
    """
    with tempfile.TemporaryDirectory(prefix="dagster-ledger-index-") as place:
        own = {"GIT_INDEX_FILE": str(Path(place) / "index")}
        if _git_bytes(directory, "read-tree", commit, more=own) is None:
            return None
        refresh = ("update-index", "-q", "--really-refresh")  # It fails where a file differs.
        _git_bytes(directory, *refresh, more=own, timeout_s=_WHOLE_TREE_TIMEOUT_S)
        told = _git_bytes(directory, "diff-files", "--name-only", "-z", more=own, timeout_s=_WHOLE_TREE_TIMEOUT_S)
    return None if told is None else [name for name in told.decode("utf-8", "replace").split("\0") if name]


def odd_entries(directory: Path, commit: str, below: str) -> list[str] | None:
    """Return what a commit holds at a path or below it that is no regular file; ``None`` where git failed.

    Args:
        directory: A directory of the repository.
        commit: The commit, hex.
        below: Path from ``directory``, with ``/`` between its parts.
    """
    listed = _git(directory, "ls-tree", "-r", "-z", commit, "--", below)
    if listed is None:
        return None
    entries = (line.partition("\t") for line in listed.split("\0") if line)
    return [path for facts, _, path in entries if not facts.startswith("100")]


def files_at(directory: Path, commit: str, below: str) -> dict[str, bytes] | None:
    """Return the regular files that a commit holds below a path, by their path from there; ``None`` where git failed.

    Args:
        directory: A directory of the repository.
        commit: The commit, hex.
        below: Path from ``directory``, with ``/`` between its parts.
    """
    listed = _git(directory, "ls-tree", "-r", "-z", commit, "--", f"{below}/")
    if listed is None:
        return None
    found = {}
    for line in filter(None, listed.split("\0")):
        facts, _, path = line.partition("\t")
        mode, kind, blob = facts.split(" ")
        if kind != "blob" or not mode.startswith("100"):
            continue
        content = _git_bytes(directory, "cat-file", "blob", blob)
        if content is None:
            return None
        found[path.removeprefix(f"{below}/")] = content
    return found


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git printed, ``None`` where it failed."""
    printed = _git_bytes(directory, *arguments)
    return None if printed is None else printed.decode("utf-8", "replace")  # a file name need not be UTF-8


def _git_bytes(
    directory: Path, *arguments: str, more: Mapping[str, str] | None = None, timeout_s: float = _TIMEOUT_S
) -> bytes | None:
    """Return what git printed, ``None`` where it failed; ``more`` is added to its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_GRAFT_FILE"] = os.devnull  # As replacements: nobody may give a commit other parents.
    command = ["git", "--no-optional-locks", "--no-replace-objects", "-c", "core.fsmonitor=false"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            [*command, "-C", str(directory), *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment | dict(more or {}),
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
