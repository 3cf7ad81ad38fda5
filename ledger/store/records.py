"""Visibility records: ``records/<number>.json`` says which segments stand for which leaves.

Rules:
- The newest record is the one that holds. Publishing the next number if absent is the moment in which loose files are
  replaced by segments for every reader.
- A record is complete: it lists every segment and every file of the leaf index, so that a reader needs no other.
- It carries a digest of itself, so that damage is told from an older or newer layout.
"""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from ledger.errors import IntegrityError
from ledger.events.codec import canonical_json
from ledger.events.schema import FORMAT_VERSION
from ledger.store.leaves import LeafFile
from ledger.store.medium import Medium

DIRECTORY: Final = "records"
KEPT: Final = 16
"""Older records are of no use to anybody, and each one lists the whole ledger."""

_NAME: Final = re.compile(r"records/(\d{8})\.json")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of sorted events.

    Attributes:
        name: Its name on the medium; the last part begins with the digest of its bytes.
        month: The month its appends began in, ``2026-11``; the partition it lies in.
        rows: Number of events.
        batches: Number of appends.
        first_leaf: The smallest leaf in it.
        last_leaf: The largest leaf in it.
        first_ts: Its oldest event, microseconds since 1970, UTC.
        last_ts: Its newest event.
        stored_bytes: Size of the file.
    """

    name: str
    month: str
    rows: int
    batches: int
    first_leaf: int
    last_leaf: int
    first_ts: int
    last_ts: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is compacted.

    Attributes:
        number: Number of the record, from 1; 0 where nothing was compacted yet.
        checkpoint: Number of the checkpoint up to which leaves are in segments.
        size: Number of these leaves.
        root: Root of their tree (hex).
        removed: Loose files of leaves below this one are gone.
        leaves: The files of the leaf index, from leaf 0 to ``size``.
        segments: The segments, by month and time.
        written: When it was written, UTC.
    """

    number: int = 0
    checkpoint: int = 0
    size: int = 0
    root: str = ""
    removed: int = 0
    leaves: tuple[LeafFile, ...] = ()
    segments: tuple[Segment, ...] = ()
    written: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @property
    def name(self) -> str:
        """The name on the medium."""
        return name(self.number)

    @property
    def files(self) -> frozenset[str]:
        """Everything it refers to."""
        return frozenset([*(file.name for file in self.leaves), *(segment.name for segment in self.segments)])

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        body = {
            "format": FORMAT_VERSION,
            "number": self.number,
            "checkpoint": self.checkpoint,
            "size": self.size,
            "root": self.root,
            "removed": self.removed,
            "leaves": [file.name for file in self.leaves],
            "segments": [dataclasses.asdict(segment) for segment in self.segments],
            "written": self.written.isoformat(),
        }
        text = canonical_json(body)
        return f'{{"record":{text},"sha256":"{_digest(text)}"}}\n'.encode()

    @classmethod
    def decode(cls, data: bytes, where: str) -> Self:
        """Return the record that ``encode`` wrote.

        Raises:
            IntegrityError: The bytes are no record, or one of a newer format.
        """
        try:
            told = json.loads(data)
            body: dict[str, Any] = told["record"]
            version = int(body["format"])
            text = canonical_json(body)
            right = (
                told["sha256"] == _digest(text) and data == f'{{"record":{text},"sha256":"{_digest(text)}"}}\n'.encode()
            )
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(_damaged(where)) from error
        if not right:
            raise IntegrityError(_damaged(where))
        if version > FORMAT_VERSION:
            message = (
                f"{where} has ledger format {version}, this release reads up to {FORMAT_VERSION}; install a newer one"
            )
            raise IntegrityError(message)
        try:
            return cls._of(body)
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(_damaged(where)) from error

    @classmethod
    def _of(cls, body: dict[str, Any]) -> Self:
        files = [LeafFile.parse(name) for name in body["leaves"]]
        return cls(
            number=int(body["number"]),
            checkpoint=int(body["checkpoint"]),
            size=int(body["size"]),
            root=str(body["root"]),
            removed=int(body["removed"]),
            leaves=tuple(file for file in files if file is not None),
            segments=tuple(Segment(**entry) for entry in body["segments"]),
            written=datetime.fromisoformat(body["written"]),
        )


def name(number: int) -> str:
    """Return the name of a record on the medium."""
    return f"{DIRECTORY}/{number:08d}.json"


def numbers(medium: Medium) -> list[int]:
    """Return the numbers of the records that are there, ascending."""
    found = (_NAME.fullmatch(entry) for entry in medium.names(DIRECTORY))
    return [int(match[1]) for match in found if match]


def newest(medium: Medium) -> Record:
    """Return the record that holds now; an empty one where nothing was compacted.

    Raises:
        IntegrityError: It is damaged or of a newer format.
    """
    while True:
        there = numbers(medium)
        if not there:
            return Record()
        try:
            return read(medium, there[-1])
        except FileNotFoundError:
            continue  # Many newer ones were published meanwhile, and it was swept.


def read(medium: Medium, number: int) -> Record:
    """Return a record by its number.

    Raises:
        IntegrityError: It is damaged or of a newer format.
        FileNotFoundError: There is none of this number.
    """
    where = medium.where(name(number))
    record = Record.decode(medium.read(name(number)), where)
    if record.number != number:
        message = f"{where} says it is record {record.number}; restore it from a backup"
        raise IntegrityError(message)
    return record


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(where: str) -> str:
    return f"{where} is damaged (it is no record of this ledger); restore it from a backup"
