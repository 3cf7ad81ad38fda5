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


def own_setting(directory: Path, name: str) -> str | None:
    """Return a setting of a repository's own configuration, ``None`` where it has none."""
    found = _git(directory, "config", "--local", "--get", name)
    return None if found is None else found.removesuffix("\n")


def set_own_setting(directory: Path, name: str, value: str) -> bool:
    """Write a setting into a repository's own configuration; return whether git did."""
    return _git(directory, "config", "--local", name, value) is not None


def unset_own_setting(directory: Path, name: str) -> bool:
    """Take a setting out of a repository's own configuration; return whether git did."""
    return _git(directory, "config", "--local", "--unset", name) is not None


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
    listed = tree(directory, commit, f"{below}/")
    if listed is None:
        return None
    regular = {path.removeprefix(f"{below}/"): blob for path, (mode, blob) in listed.items() if mode.startswith("100")}
    contents = _blobs(directory, tuple(regular.values()))
    return None if contents is None else dict(zip(regular, contents, strict=True))


def file_at(directory: Path, commit: str, path: str) -> bytes | None:
    """Return the file that a commit holds at a path from a directory, ``None`` where there is none that is regular."""
    listed = tree(directory, commit, path)
    mode, blob = (listed or {}).get(path, ("", ""))
    return _git_bytes(directory, "cat-file", "blob", blob) if mode.startswith("100") else None


def tree(directory: Path, commit: str, *below: str, recursive: bool = True) -> dict[str, tuple[str, str]] | None:
    """Return mode and object of what a commit holds, by path from a directory; ``None`` where git failed.

    Args:
        directory: A directory of the repository.
        commit: The commit, hex.
        below: Only these paths, and what is below those that end with ``/``; all below the directory when empty.
        recursive: Whether directories are looked into.
    """
    words = ("ls-tree", *(("-r",) if recursive else ()), "-z", commit, "--", *below)
    listed = _git(directory, *words)
    if listed is None:
        return None
    found = {}
    for line in filter(None, listed.split("\0")):
        facts, _, path = line.partition("\t")
        mode, _, blob = facts.split(" ")
        found[path] = (mode, blob)
    return found


def merge_bases(directory: Path, one: str, other: str) -> tuple[str, ...]:
    """Return the best common ancestors of two commits, none where there is none or git failed."""
    return tuple((_git(directory, "merge-base", "--all", one, other) or "").split())


def is_shallow(directory: Path) -> bool:
    """Return whether a repository lacks the older part of its history."""
    return (_git(directory, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def changed_between(directory: Path, before: str, after: str) -> tuple[str, ...] | None:
    """Return the paths that two commits have otherwise, from the top of the repository; ``None`` where git failed."""
    told = _git(directory, "diff-tree", "-r", "--no-renames", "--name-only", "-z", before, after)
    return None if told is None else tuple(filter(None, told.split("\0")))


@dataclass(frozen=True, slots=True)
class Touched:
    """A commit that touched a file: id, author, day (ISO 8601), first line of its message, path from the top then."""

    commit: str
    author: str
    day: str
    subject: str
    path: str


def history_of(directory: Path, commit: str, path: str) -> tuple[Touched, ...]:
    """Return the commits up to one that touched a file, oldest first, under whatever name it had.

    What a merge has otherwise than its first parent counts as touched by the merge.

    Args:
        directory: A directory of the repository.
        commit: The newest commit, hex.
        path: Path from ``directory``.
    """
    form = "--format=%x01%H%x1f%an%x1f%cs%x1f%s%x1f"
    words = ("-c", "core.quotePath=false", "log", "--follow", "--topo-order", "--diff-merges=first-parent")
    told = _git(directory, *words, form, "--name-only", commit, "--", path) or ""
    found = []
    for record in told.split("\x01")[1:]:
        identity, author, day, subject, names = record.split("\x1f", 4)
        found += [Touched(identity, author, day, subject, name) for name in names.splitlines() if name][:1]
    return tuple(reversed(found))


def _blobs(directory: Path, blobs: tuple[str, ...]) -> list[bytes] | None:
    """Return the content of blobs, in one go; ``None`` where git failed or does not have one."""
    if not blobs:
        return []
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    told = _git_bytes(directory, "cat-file", "--batch", data=asked, timeout_s=_WHOLE_TREE_TIMEOUT_S)
    found, place = [], 0
    while told is not None and place < len(told):
        head, _, _ = told[place:].partition(b"\n")
        words = head.split(b" ")
        if len(words) != 3 or words[1] != b"blob":  # noqa: PLR2004 - id, kind and size
            return None
        begin = place + len(head) + 1
        place = begin + int(words[2])
        found.append(told[begin:place])
        place += 1
    return found if len(found) == len(blobs) else None


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git printed, ``None`` where it failed."""
    printed = _git_bytes(directory, *arguments)
    return None if printed is None else printed.decode("utf-8", "replace")  # a file name need not be UTF-8


def _git_bytes(
    directory: Path,
    *arguments: str,
    more: Mapping[str, str] | None = None,
    data: bytes | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> bytes | None:
    """Return what git printed, ``None`` where it failed; ``more`` is added to its environment, ``data`` its input."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_GRAFT_FILE"] = os.devnull  # As replacements: nobody may give a commit other parents.
    command = ["git", "--no-optional-locks", "--no-replace-objects", "-c", "core.fsmonitor=false"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            [*command, "-C", str(directory), *arguments],
            capture_output=True,
            input=b"" if data is None else data,
            env=environment | dict(more or {}),
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
