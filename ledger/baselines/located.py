"""JSON whose every value knows its line, read strictly.

Rules:
- A key twice, anything after the document, a number that JSON has no word for, and nesting deeper than a baseline
  has are errors, each at its line.
- What a text editor or a merge leaves behind is told by name: conflict markers, carriage returns, a byte order mark.
"""

import json
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.baselines.errors import BaselineFormatError

Value: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"

_TOKEN: Final = re.compile(
    r"""[ \n\t]*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<word>true|false|null)|(?P<mark>[{}\[\]:,])|(?P<end>\Z))"""
)
_CONFLICT: Final = re.compile(r"^(?:<{7}|\|{7}|>{7})(?: |$)|^={7}$", re.MULTILINE)
_DEPTH: Final = 12


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line (from 1) it begins on."""

    value: Value
    line: int


def parse(data: str | bytes, where: str) -> Node:
    """Return the document.

    Args:
        data: The file's content.
        where: Name of the file for messages.

    Raises:
        BaselineFormatError: It is not strict JSON in UTF-8.
    """
    text = as_text(data, where)
    parser = _Parser(text, where)
    document = parser.value(0)
    if parser.kind != "end":
        parser.fail("there is something after the end of the document; keep one document per file")
    return document


def as_text(data: str | bytes, where: str) -> str:
    """Return the content as text, once it is free of what editors and merges leave behind.

    Raises:
        BaselineFormatError: It is not UTF-8, or holds a byte order mark, a carriage return or a conflict marker.
    """
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise failure(where, line, f"byte {error.start} is not UTF-8; save the file as UTF-8") from error
    else:
        text = data
    if text.startswith("\ufeff"):
        raise failure(where, 1, "the file begins with a byte order mark; save it as UTF-8 without one")
    if (place := text.find("\r")) >= 0:
        said = "the line ends with a carriage return; let git check baselines out with LF (`*.json text eol=lf`)"
        raise failure(where, text.count("\n", 0, place) + 1, said)
    if marker := _CONFLICT.search(text):
        said = f"a merge left {marker.group().strip()!r} behind; resolve the conflict"
        raise failure(where, text.count("\n", 0, marker.start()) + 1, said)
    return text


def failure(where: str, line: int, said: str) -> BaselineFormatError:
    """Return the error for a line."""
    return BaselineFormatError(f"{where}:{line}: {said}")


class _Parser:
    """A recursive descent over the words of a text; it stands on one word, of kind ``kind``."""

    def __init__(self, text: str, where: str) -> None:
        self._text: Final = text
        self._where: Final = where
        self._end = 0
        self._counted = 0
        self.line = 1
        self.kind = ""
        self._word = ""
        self._next()

    def fail(self, said: str) -> None:
        """Raise at the word."""
        raise failure(self._where, self.line, said)

    def value(self, depth: int) -> Node:
        """Return the value that begins at the word, and stand after it."""
        if depth > _DEPTH:
            self.fail("values are nested deeper than a baseline has them; correct the file")
        line, kind, word = self.line, self.kind, self._word
        if word == "{" and kind == "mark":
            return Node(self._object(depth), line)
        if word == "[" and kind == "mark":
            return Node(self._list(depth), line)
        if kind in {"mark", "end"}:
            self.fail(f"a value is missing before {word!r}" if word else "the file ends in the middle of a value")
        self._next()
        return Node(self._scalar(word, line), line)

    def _object(self, depth: int) -> dict[str, Node]:
        self._next()
        found: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while self._word != "}" or self.kind != "mark":
            if found:
                self._expect(",")
            if self.kind != "string":
                self.fail(f"a name in quotes is missing before {self._word!r}")
            name = str(self._scalar(self._word, self.line))
            if name in found:
                self.fail(f"{name!r} is already there at line {lines[name]}; keep one of the two")
            lines[name] = self.line
            self._next()
            self._expect(":")
            found[name] = self.value(depth + 1)
        self._next()
        return found

    def _list(self, depth: int) -> list[Node]:
        self._next()
        found: list[Node] = []
        while self._word != "]" or self.kind != "mark":
            if found:
                self._expect(",")
            found.append(self.value(depth + 1))
        self._next()
        return found

    def _scalar(self, word: str, line: int) -> str | float | bool | None:
        """Return what a string, number or word means."""
        try:
            found: str | float | bool | None = json.loads(word)
        except (json.JSONDecodeError, ValueError) as error:  # A bad escape, or an integer of thousands of digits.
            raise failure(self._where, line, f"{word[:40]} cannot be read; correct the value") from error
        if isinstance(found, str) and any("\ud800" <= letter <= "\udfff" for letter in found):
            raise failure(self._where, line, f"{word[:40]} holds half a character; correct the value")
        return found

    def _expect(self, mark: str) -> None:
        if self.kind != "mark" or self._word != mark:
            self.fail(f"{mark!r} is missing before {self._word or 'the end of the file'!r}")
        self._next()

    def _next(self) -> None:
        """Stand on the next word."""
        hit = _TOKEN.match(self._text, self._end)
        if hit is None:
            rest = self._text[self._end :].lstrip(" \n\t")
            self.line += self._text.count("\n", self._counted, len(self._text) - len(rest))
            self.fail(f"{rest[:20].splitlines()[0]!r} is not JSON; correct the file")
            return
        self.kind = hit.lastgroup or ""
        start = hit.start(self.kind)
        self.line += self._text.count("\n", self._counted, start)
        self._counted, self._end, self._word = start, hit.end(), hit.group(self.kind)
