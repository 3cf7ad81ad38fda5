"""What git says about the code that runs.

Rules:
- Variables that redirect git (``GIT_DIR`` and friends) are taken away, so that the answer is about the directory asked.
- No lock is taken and no index is refreshed: looking must not disturb a person who works in the repository.
- Replacement objects are not followed: what a commit holds is what its id says.
- What a repository holds is told apart from what its index believes: flags in an index may hide a changed file.
"""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 10.0
_LONG_TIMEOUT_S: Final = 600.0
_CHUNK_BYTES: Final = 1 << 20
_QUIETLY: Final = ("--no-optional-locks", "--no-replace-objects", "-c", "core.fsmonitor=false")

REDIRECTIONS: Final = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""Variables with which git would tell of another repository than the one that is there."""


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


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """What a commit has at a path: mode (``100644``, ``120000`` for a symbolic link), kind and object id."""

    mode: str
    kind: str
    object_id: str
    path: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.kind == "blob" and self.mode.startswith("100")


def entries_at(directory: Path, commit: str, below: str) -> list[TreeEntry] | None:
    """Return all that a commit holds at a path or below it, ``None`` where git failed.

    Args:
        directory: A directory of the repository.
        commit: The commit, hex.
        below: Path from ``directory``, with ``/`` between its parts.
    """
    listed = _git(directory, "ls-tree", "-r", "-z", commit, "--", below)
    if listed is None:
        return None
    found = []
    for line in filter(None, listed.split("\0")):
        facts, _, path = line.partition("\t")
        found.append(TreeEntry(*facts.split(" "), path))
    return found


def source_digest(directory: Path, commit: str) -> str | None:
    """Return SHA-256 (hex) over the source of a commit: paths, modes and the content of every file.

    It is taken over what ``git ls-tree -r -z --full-tree`` prints, followed by what ``git cat-file --batch`` prints for
    the files in that order: both are made for programs, and no attribute or setting changes them.
    """
    listed = _git_bytes(directory, "ls-tree", "-r", "-z", "--full-tree", commit)
    if listed is None:
        return None
    facts = [line.partition(b"\t")[0].split(b" ") for line in listed.split(b"\0") if line]
    files = b"".join(object_id + b"\n" for _, kind, object_id in facts if kind == b"blob")
    digest = hashlib.sha256(listed)
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as told:
        asked.write(files)
        asked.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - fixed program, no shell
                _command(directory, "cat-file", "--batch"),
                stdin=asked,
                stdout=told,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                timeout=_LONG_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        told.seek(0)
        while chunk := told.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() if done.returncode == 0 else None


def changed_files(directory: Path, commit: str) -> list[str] | None:
    """Return the files of the work tree that differ from a commit, by their path in the repository.

    An index made for this is asked, so that no flag in the repository's own can hide a change. None differ where there
    is no work tree.
    """
    inside = _git(directory, "rev-parse", "--is-inside-work-tree")
    if inside is None or inside.strip() != "true":
        return None if inside is None else []
    with tempfile.TemporaryDirectory() as place:
        own = {"GIT_INDEX_FILE": str(Path(place) / "index")}
        if _git_bytes(directory, "read-tree", commit, more=own) is None:
            return None
        _git_bytes(directory, "update-index", "-q", "--really-refresh", more=own)  # It fails where a file differs.
        listed = _git_bytes(directory, "diff-files", "--name-only", "-z", more=own)
    return None if listed is None else [name for name in listed.decode("utf-8", "replace").split("\0") if name]


def prefix_of(directory: Path) -> str | None:
    """Return where a directory lies in its work tree, ended by ``/`` unless it is the top."""
    found = _git(directory, "rev-parse", "--show-prefix")
    return None if found is None else found.removesuffix("\n")


def replacements(directory: Path) -> list[str] | None:
    """Return the references by which objects of a repository are replaced by others."""
    found = _git(directory, "for-each-ref", "--format=%(refname)", "refs/replace/")
    return None if found is None else found.split()


def grafts(directory: Path) -> bool | None:
    """Return whether a repository has grafts, by which commits get other parents."""
    found = _git(directory, "rev-parse", "--git-path", "info/grafts")
    if found is None:
        return None
    try:
        return bool((directory / found.removesuffix("\n")).read_bytes().strip())
    except FileNotFoundError:
        return False
    except OSError:
        return None


def redirections(environ: Mapping[str, str]) -> list[str]:
    """Return the variables of an environment that redirect git."""
    return [name for name in REDIRECTIONS if name in environ]


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git printed, ``None`` where it failed."""
    printed = _git_bytes(directory, *arguments)
    return None if printed is None else printed.decode("utf-8", "replace")  # a file name need not be UTF-8


def _git_bytes(directory: Path, *arguments: str, more: Mapping[str, str] | None = None) -> bytes | None:
    """Return what git printed, ``None`` where it failed."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            _command(directory, *arguments),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=_environment() | dict(more or {}),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _command(directory: Path, *arguments: str) -> list[str]:
    return ["git", *_QUIETLY, "-C", str(directory), *arguments]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
