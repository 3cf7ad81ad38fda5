"""What a ledger asks of the place it is kept in: immutable named bytes that are put once, listed, read and removed.

Rules:
- A name is a path of segments joined by ``/``, such as ``loose/<hash>-00000000.parquet``; its content never changes, so
  a copy of it may be kept anywhere for any time.
- ``put_if_absent`` is the only way to write. It is atomic and durable when it returns: exactly one of any number of
  racing calls makes the name, and nobody ever sees a part of its content.
- Every error of the medium is a ``StoreError`` of one sentence; only a name that is not there is ``FileNotFoundError``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from ledger.store.files import explained


class Medium(Protocol):
    """A place for immutable named bytes: a directory, or a bucket of an object store."""

    @property
    def uri(self) -> str:
        """Where it is, as a person would name it."""

    def where(self, name: str) -> str:
        """Return how a person would name one file of it, for messages."""

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Write a name that did not exist; return whether this call made it.

        Raises:
            StoreError: The medium refused; nothing is visible under ``name``.
        """

    def exists(self, name: str) -> bool:
        """Return whether a name is there."""

    def names(self, directory: str, *, recursive: bool = False) -> list[str]:
        """Return the full names below a directory, sorted; files that are still being written are not among them.

        With an empty directory, not recursive, these are the files that lie in no directory.
        """

    def read(self, name: str) -> bytes:
        """Return the content of a name.

        Raises:
            FileNotFoundError: It is not there.
            StoreError: It cannot be read.
        """

    def paths(self, names: Sequence[str], *, fresh: bool = False) -> list[Path]:
        """Return local files with the content of these names, in the same order.

        Args:
            names: What to bring here.
            fresh: Do not trust a copy that was made earlier.

        Raises:
            FileNotFoundError: One of them is not there.
            StoreError: One of them cannot be read.
        """

    def size_bytes(self, name: str) -> int:
        """Return the size of a name.

        Raises:
            FileNotFoundError: It is not there.
        """

    def age_s(self, name: str) -> float:
        """Return seconds since a name was made, by the clock of this machine; negative where the clocks disagree.

        Raises:
            FileNotFoundError: It is not there.
        """

    def remove(self, names: Iterable[str]) -> None:
        """Remove names; one that is gone already is no error."""

    def holds_other_things(self) -> bool:
        """Return whether there is something here that the making of a ledger does not leave."""

    def check_writable(self) -> None:
        """Try to write as much as an append needs.

        Raises:
            StoreError: The medium refuses.
        """

    def sweep(self) -> None:
        """Remove what killed writers left behind a day ago."""


def content(medium: Medium, name: str, *, fresh: bool = False) -> bytes:
    """Return the bytes of a name's local copy, made where there is none.

    Args:
        medium: Where it is.
        name: What to read.
        fresh: Do not trust a copy that was made earlier.

    Raises:
        FileNotFoundError: It is not there.
        StoreError: It cannot be read, which is no damage.
    """
    path = medium.paths([name], fresh=fresh)[0]
    with explained("read", path):
        return path.read_bytes()
