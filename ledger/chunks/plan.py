"""What is to be made, as a value: a resume goes on with the same plan, or is refused.

Rules:
- A plan holds what decides the result: the number of rows, a digest of each input, the parameters. Chunk size, workers
  and limits do not, and may change at any resume.
- A partition is work of its own: the plans of two partitions differ even where they read the same rows.
- Inputs are told by SHA-256 of their content, not by their time: a copy is the same input, an altered file is not.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import ConfigurationError, StoreError
from ledger.events import Json
from ledger.events.codec import canonical_json

FORMAT: Final = 1


class PlanChangedError(ConfigurationError):
    """The work that was begun is another one (exit code 2)."""


class InputChangedError(ConfigurationError):
    """A file changed while it was read (exit code 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made of which rows.

    Attributes:
        name: What is made, for people: an asset key.
        rows: Rows of the input, >= 0.
        inputs: Name to SHA-256 (hex) of each input.
        parameters: Whatever else decides the result, JSON values.
        partition: Partition that is made, ``first...last`` of a range, ``None`` without partitions.
    """

    name: str
    rows: int
    inputs: Mapping[str, str]
    parameters: Mapping[str, Json]
    partition: str | None = None

    def document(self) -> str:
        """Return the plan as canonical JSON (RFC 8785) with a final newline."""
        told: dict[str, Json] = {
            "format": FORMAT,
            "name": self.name,
            "rows": self.rows,
            "inputs": dict(self.inputs),
            "parameters": dict(self.parameters),
        }
        if self.partition is not None:
            told["partition"] = self.partition
        return canonical_json(told) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the document."""
        return hashlib.sha256(self.document().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file that must stay as it is while it is read.

    Attributes:
        path: Where it is.
        sha256: Digest of its content (hex).
        state: Inode, size in bytes and time of its last change in nanoseconds.
    """

    path: Path
    sha256: str
    state: tuple[int, int, int]

    @classmethod
    def read(cls, path: Path) -> "WatchedFile":
        """Return a file with the digest of its content.

        Raises:
            ConfigurationError: There is none.
            StoreError: It cannot be read.
            InputChangedError: It changed meanwhile.
        """
        try:
            before = _state(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            message = f"there is no file {path}; give the input that is to be read"
            raise ConfigurationError(message) from error
        except OSError as error:
            message = f"cannot read {path} ({error.strerror}); correct its permissions, or check the disk"
            raise StoreError(message) from error
        found = cls(path, digest, before)
        found.check()
        return found

    def check(self) -> None:
        """Raise ``InputChangedError`` where the file is no longer what it was."""
        try:
            now = _state(self.path)
        except OSError as error:
            message = f"{self.path} is gone or cannot be read any more ({error.strerror}); put it back and resume"
            raise InputChangedError(message) from error
        if now != self.state:
            message = f"{self.path} changed while it was read; nothing of it is published: let it rest, and run again"
            raise InputChangedError(message)


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
