"""Pieces that can be put into a project and taken out again: files, lines of files, settings of git.

Rules:
- What is there stays: a file that exists, a line that says the same, a setting with another value.
- Only what is still as it was written is taken out again; what somebody changed is theirs, and is named.
- A file whose lines were taken out has the bytes it had before, and is gone where nothing else was in it.
- Looking and doing are one function with a switch, so that a rehearsal tells what the performance does.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from ledger import git
from ledger.errors import StoreError

State = Literal["added", "there", "left", "removed"]
STATES: Final[tuple[State, ...]] = ("added", "there", "left", "removed")


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one thing.

    Attributes:
        what: The thing.
        state: ``added``, ``there`` (it was), ``left`` (another stands there, or ours was changed), or ``removed``.
        why: Why it was left, and what to do; may be empty.
    """

    what: str
    state: State
    why: str = ""


class Piece(Protocol):
    """Something that can be put into a project and taken out again."""

    def add(self, *, rehearse: bool) -> list[Step]:
        """Put in what is missing; with ``rehearse`` only tell it."""

    def remove(self, *, rehearse: bool) -> list[Step]:
        """Take out what is still as it was written; with ``rehearse`` only tell it. What is not there is not told."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of our own.

    Attributes:
        top: Directory that is named from and never removed.
        path: Where, from ``top``.
        text: What is in it.
        is_ours: Tells whether another text at that place serves as well; that it does when ``None``.
        otherwise: What to do where it does not.
    """

    top: Path
    path: str
    text: str
    is_ours: Callable[[str], bool] | None = None
    otherwise: str = ""

    def add(self, *, rehearse: bool) -> list[Step]:
        """Write the file unless there is one."""
        place = self.top / self.path
        if os.path.lexists(place):
            if self.is_ours is None or self.is_ours(_text(place)):
                return [Step(self.path, "there")]
            return [Step(self.path, "left", self.otherwise)]
        if not rehearse:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8", newline="\n") as file:
                file.write(self.text)
        return [Step(self.path, "added")]

    def remove(self, *, rehearse: bool) -> list[Step]:
        """Remove the file where it is as it was written, and the directories that are empty then."""
        place = self.top / self.path
        if not os.path.lexists(place):
            return []
        if place.is_symlink() or not place.is_file() or place.read_bytes() != self.text.encode():
            return [Step(self.path, "left", "it was changed since; remove it yourself where it is not wanted")]
        if not rehearse:
            place.unlink()
            _remove_empty(place.parent, self.top)
        return [Step(self.path, "removed")]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a file that others write too, below a comment that tells whose they are.

    Attributes:
        top: Directory that is named from.
        path: Where, from ``top``.
        comment: The line above them.
        lines: The lines.
        same: Gives the text by which two lines count as the same.
    """

    top: Path
    path: str
    comment: str
    lines: tuple[str, ...]
    same: Callable[[str], str]

    def add(self, *, rehearse: bool) -> list[Step]:
        """Add the lines that are missing, at the end."""
        place = self.top / self.path
        text = place.read_bytes().decode("utf-8") if place.exists() else ""
        known = {self.same(line) for line in text.splitlines()}
        missing = [line for line in self.lines if self.same(line) not in known]
        if missing and not rehearse:
            gap = "" if not text or text.endswith("\n") else "\n"
            block = "\n".join([self.comment, *missing])
            place.write_bytes(f"{text}{gap}{block}\n".encode())
        return [Step(f"{self.path}: {line}", "added" if line in missing else "there") for line in self.lines]

    def remove(self, *, rehearse: bool) -> list[Step]:
        """Remove the comment and those of the lines that stand right below it."""
        place = self.top / self.path
        if not place.is_file():
            return []
        before = place.read_bytes()
        kept, removed = self._without(before.decode("utf-8").splitlines(keepends=True))
        after = "".join(kept).encode()
        if before == after:
            return []
        if not rehearse:
            _restore(place, after)
        return [Step(f"{self.path}: {line}", "removed") for line in removed]

    def _without(self, lines: list[str]) -> tuple[list[str], list[str]]:
        """Return the lines that stay, and those of ours."""
        kept: list[str] = []
        removed: list[str] = []
        ours = False
        for line in lines:
            bare = line.rstrip("\r\n")
            if bare == self.comment:
                ours = True
            elif ours and bare in self.lines:
                removed.append(bare)
            else:
                ours = False
                kept.append(line)
        return kept, removed


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a repository's own git configuration."""

    project: Path
    name: str
    value: str

    def add(self, *, rehearse: bool) -> list[Step]:
        """Write the setting unless it has a value."""
        old = git.own_setting(self.project, self.name)
        if old is None and not rehearse and not git.set_own_setting(self.project, self.name, self.value):
            message = f"git could not write {self.name}; correct the permissions of its configuration"
            raise StoreError(message)
        state: State = "added" if old is None else "there" if old == self.value else "left"
        why = "it has another value; correct it yourself" if state == "left" else ""
        return [Step(f"git config {self.name} {self.value if old is None else old}", state, why)]

    def remove(self, *, rehearse: bool) -> list[Step]:
        """Take the setting away where it has our value."""
        old = git.own_setting(self.project, self.name)
        if old is None:
            return []
        if old != self.value:
            return [Step(f"git config {self.name} {old}", "left", "it has another value; remove it yourself")]
        if not rehearse and not git.unset_own_setting(self.project, self.name):
            message = f"git could not remove {self.name}; correct the permissions of its configuration"
            raise StoreError(message)
        return [Step(f"git config {self.name}", "removed")]


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _restore(place: Path, after: bytes) -> None:
    """Write what is left of a file: as it is committed where only the end of the last line differs."""
    if not after:
        place.unlink()
        return
    committed = git.file_at(place.parent, "HEAD", place.name)
    bare = after.removesuffix(b"\n").removesuffix(b"\r")
    place.write_bytes(committed if committed == bare else after)


def _remove_empty(directory: Path, top: Path) -> None:
    """Remove directories that nothing is in, up to a directory that stays."""
    while directory != top and top in directory.parents:
        with contextlib.suppress(OSError):
            directory.rmdir()
            directory = directory.parent
            continue
        return
