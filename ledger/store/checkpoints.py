"""Checkpoints on the medium: ``checkpoints/<number>``, three lines each, numbered from 1 without gaps, kept for ever.

Rules:
- Putting the next number if absent decides which of several sealers went on; the others read again.
- None is ever removed: a sealer that slept for a week must meet the number it wants to take.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.errors import IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.store.medium import Medium

DIRECTORY: Final = "checkpoints"
_NAME: Final = re.compile(r"checkpoints/(\d{8})")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A checkpoint with its number; number 0 is the empty tree, which has no file."""

    number: int
    checkpoint: Checkpoint


def name(number: int) -> str:
    """Return the name of a checkpoint on the medium."""
    return f"{DIRECTORY}/{number:08d}"


def numbers(medium: Medium) -> list[int]:
    """Return the numbers of the checkpoints that are there, ascending."""
    found = (_NAME.fullmatch(entry) for entry in medium.names(DIRECTORY))
    return [int(match[1]) for match in found if match]


def newest(medium: Medium, origin: str) -> Numbered:
    """Return the newest checkpoint; the empty one where nothing was sealed yet.

    Raises:
        IntegrityError: It is no checkpoint, or one of another ledger.
    """
    there = numbers(medium)
    return read(medium, there[-1], origin) if there else Numbered(0, Checkpoint(origin))


def read(medium: Medium, number: int, origin: str) -> Numbered:
    """Return a checkpoint by its number.

    Raises:
        IntegrityError: It is no checkpoint, or one of another ledger.
        FileNotFoundError: There is none of this number.
    """
    where = medium.where(name(number))
    text = medium.read(name(number)).decode(errors="replace")
    checkpoint = Checkpoint.parse(text, where)
    if str(checkpoint) != text:
        message = f"{where} is no checkpoint as this ledger writes them; restore it from a backup"
        raise IntegrityError(message)
    if checkpoint.origin != origin:
        message = f"{where} is a checkpoint of {checkpoint.origin!r}, but this ledger is {origin!r}"
        raise IntegrityError(message)
    return Numbered(number, checkpoint)


def put(medium: Medium, numbered: Numbered) -> bool:
    """Publish a checkpoint; return whether its number now holds exactly it."""
    data = str(numbered.checkpoint).encode()
    return medium.put_if_absent(name(numbered.number), data) or medium.read(name(numbered.number)) == data
