"""The leaf index: which append is which leaf of the tree, in Parquet files of their own.

Rules:
- A file holds consecutive leaves: row i of it is leaf ``first_leaf + i``. Its name says where it begins and ends, and
  how the root at its end begins, so a file that lost a race never takes the place of the one that won.
- The digests are the leaf hashes. The footer holds the frontier of the tree at the end of the file, so that a sealer
  can go on without reading older files.
- Files are merged as they pile up (``ledger.store.compact``); their leaves and their order never change.
"""

import hashlib
import io
import re
import uuid
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import IntegrityError
from ledger.events.merkle import HASH_BYTES, Frontier
from ledger.events.schema import FORMAT_VERSION
from ledger.store import loose
from ledger.store.medium import Medium, content

DIRECTORY: Final = "leaves"
Kind: TypeAlias = Literal["sealed", "compacted"]
SCHEMA: Final = pa.schema(
    [
        pa.field("stream", pa.string(), nullable=False),
        pa.field("batch", pa.int32(), nullable=False),
        pa.field("first_seq", pa.int32(), nullable=False),
        pa.field("rows", pa.int32(), nullable=False),
        pa.field("digest", pa.binary(HASH_BYTES), nullable=False),
    ]
)
_NAME: Final = re.compile(r"leaves/(sealed|compacted)-(\d{12})-(\d{12})-([0-9a-f]{16})-([0-9a-f]{16})\.parquet")
_FORMAT: Final = b"ledger.format"
_FIRST_LEAF: Final = b"ledger.first_leaf"
_FRONTIER: Final = b"ledger.frontier"
_NONCE: Final = b"ledger.nonce"


@dataclass(frozen=True, slots=True, order=True)
class LeafFile:
    """A file of the leaf index, as its name tells it.

    Attributes:
        kind: Whether a sealer wrote it, whose successor removes it, or a compactor, whose record names it.
        first_leaf: Its first leaf.
        size: Number of leaves of the tree at its end.
        root: The first 16 hex digits of the root at its end.
        token: The first 16 hex digits of the digest of its bytes, which hold something random: so damage is found, and
            each file has one writer, who may remove it when it lost.
    """

    kind: Kind
    first_leaf: int
    size: int
    root: str
    token: str

    @property
    def name(self) -> str:
        """The name on the medium."""
        return f"{DIRECTORY}/{self.kind}-{self.first_leaf:012d}-{self.size:012d}-{self.root}-{self.token}.parquet"

    @property
    def rows(self) -> int:
        """Number of leaves in it."""
        return self.size - self.first_leaf

    @classmethod
    def parse(cls, name: str) -> "LeafFile | None":
        """Return the file a name stands for, ``None`` when it is not of this form."""
        found = _NAME.fullmatch(name)
        if found is None or int(found[3]) <= int(found[2]):
            return None
        kind: Kind = "sealed" if found[1] == "sealed" else "compacted"
        return cls(kind, int(found[2]), int(found[3]), found[4], found[5])


@dataclass(frozen=True, slots=True)
class Leaves:
    """The content of one file.

    Attributes:
        file: Its name.
        table: One row a leaf, in ``SCHEMA``.
        frontier: The tree at its end.
    """

    file: LeafFile
    table: pa.Table
    frontier: Frontier

    def part(self, first_leaf: int, size: int) -> pa.Table:
        """Return the rows of leaves ``first_leaf`` to ``size`` (exclusive) that are in it."""
        start = max(first_leaf - self.file.first_leaf, 0)
        return self.table.slice(start, max(min(size, self.file.size) - self.file.first_leaf - start, 0))


def write(medium: Medium, kind: Kind, table: pa.Table, first_leaf: int, frontier: Frontier) -> LeafFile:
    """Write a new file of the index and return it.

    Args:
        medium: Where to.
        kind: Who writes it.
        table: Its leaves.
        first_leaf: The first of them.
        frontier: The tree at its end.

    Raises:
        StoreError: The medium refused.
    """
    data = _encode(table, first_leaf, frontier)
    file = LeafFile(kind, first_leaf, frontier.size, frontier.root.hex()[:16], _token(data))
    medium.put_if_absent(file.name, data)
    return file


def _token(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def digests(table: pa.Table) -> list[bytes]:
    """Return the leaf hashes of a table."""
    found: list[bytes] = table.column("digest").to_pylist()
    return found


def loose_names(table: pa.Table) -> list[str]:
    """Return the name each append of a table had before it was compacted, in order."""
    streams = table.column("stream").combine_chunks().dictionary_encode()
    streams = pa.concat_arrays(streams.chunks) if isinstance(streams, pa.ChunkedArray) else streams
    hashes = [loose.stream_hash(stream) for stream in streams.dictionary.to_pylist()]
    pairs = zip(streams.indices.to_pylist(), table.column("batch").to_pylist(), strict=True)
    return [loose.name_of(hashes[code], number) for code, number in pairs]


def _encode(table: pa.Table, first_leaf: int, frontier: Frontier) -> bytes:
    """Return the bytes of a file of the index, no two calls the same."""
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer, SCHEMA, compression="zstd", use_dictionary=["stream"], write_statistics=False, store_schema=False
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(
            {
                _FORMAT: str(FORMAT_VERSION).encode(),
                _FIRST_LEAF: str(first_leaf).encode(),
                _FRONTIER: b"".join(frontier.hashes).hex().encode(),
                _NONCE: uuid.uuid4().hex.encode(),
            }
        )
    return buffer.getvalue()


def read(medium: Medium, file: LeafFile, *, fresh: bool = False) -> Leaves:
    """Return the leaves of a file.

    Raises:
        IntegrityError: It is damaged, or is not what its name says.
        FileNotFoundError: It is not there.
    """
    where = medium.where(file.name)
    data = content(medium, file.name, fresh=fresh)
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data))
        table = parquet.read(columns=SCHEMA.names).cast(SCHEMA)
        table.validate(full=True)
        metadata = parquet.metadata.metadata or {}
        first_leaf, raw = int(metadata[_FIRST_LEAF]), bytes.fromhex(metadata[_FRONTIER].decode())
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(loose.damaged_message(where, str(error))) from error
    hashes = tuple(raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES))
    frontier = Frontier(file.size, hashes)
    if (
        _token(data) != file.token
        or first_leaf != file.first_leaf
        or table.num_rows != file.rows
        or len(hashes) != file.size.bit_count()
        or frontier.root.hex()[:16] != file.root
    ):
        raise IntegrityError(loose.damaged_message(where, "it does not hold the leaves its name says"))
    return Leaves(file, table, frontier)


def listed(medium: Medium) -> list[LeafFile]:
    """Return the files of the index that are there, whether something refers to them or not."""
    found = (LeafFile.parse(name) for name in medium.names(DIRECTORY))
    return sorted(file for file in found if file is not None)
