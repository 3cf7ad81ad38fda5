"""A checkpoint: what a whole ledger held at a moment, in three lines of text.

Rules:
- The text is origin, number of leaves, and root in base64, a line each, as the C2SP tlog-checkpoint format has them; so
  it can be kept in git, signed, or shown to a witness.
- The origin names the ledger and never changes, so that checkpoints of two ledgers are not mixed up.
- Later checkpoints contain earlier ones; ``ledger.events.merkle.consistency_holds`` shows that they do.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Self

from ledger.errors import IntegrityError
from ledger.events.merkle import EMPTY_ROOT, HASH_BYTES

_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a ledger.

    Attributes:
        origin: Name of the ledger.
        size: Number of appends, the leaves of the tree.
        root: Root of the tree (hex).
    """

    origin: str
    size: int = 0
    root: str = EMPTY_ROOT.hex()

    def __str__(self) -> str:
        """Return the three lines, the last one ended as well."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(bytes.fromhex(self.root)).decode()}\n"

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Return the checkpoint that ``str`` wrote.

        Args:
            text: The three lines; lines that follow, such as signatures, are not looked at.
            where: Where the text is from, for the message.

        Raises:
            IntegrityError: The text is no checkpoint.
        """
        lines = text.split("\n")
        try:
            origin, size, root = lines[:_LINES]
            raw = base64.b64decode(root, validate=True)
        except (ValueError, binascii.Error):
            raw, origin, size = b"", "", ""
        if len(raw) != HASH_BYTES or not origin.strip() or not (size.isascii() and size.isdigit()):
            message = (
                f"{where} is no checkpoint: it must hold origin, number of appends and root in base64, a line each"
            )
            raise IntegrityError(message)
        return cls(origin, int(size), raw.hex())
