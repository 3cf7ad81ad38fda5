"""One append as one small Parquet file: its bytes, its name, and its footer.

Rules:
- The name is deterministic (stream hash and number), so that putting it if absent decides who wins.
- The footer names format, stream, number, digest and previous digest; a reader can trust none of it before the
  digest has been recomputed, but needs it to tell a repeated append from a conflicting one.
- Statistics and dictionaries are left out, and so are columns that hold nothing: they would double the size of a file
  of twenty rows. Readers name the schema they want and see null in a column that is not there.
- The digest of the append is over its events; a second one in the footer is over the bytes of the file, so that also
  damage which changes no event is found.
"""

import hashlib
import io
import re
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import IntegrityError
from ledger.events.batch import EventBatch
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store.medium import Medium, content

DIRECTORY: Final = "loose"
SUFFIX: Final = ".parquet"
_FORMAT: Final = b"ledger.format"
_STREAM: Final = b"ledger.stream"
_BATCH: Final = b"ledger.batch"
_DIGEST: Final = b"ledger.digest"
_PREVIOUS: Final = b"ledger.previous_digest"
_NEXT_SEQ: Final = b"ledger.next_seq"
_FILE_DIGEST: Final = b"ledger.file_digest"
_NO_DIGEST: Final = b"0" * 32
_DIGEST_PLACE: Final = re.compile(re.escape(_FILE_DIGEST) + rb".{1,8}?([0-9a-f]{32})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Footer:
    """What a loose file says about itself."""

    stream: str
    number: int
    digest: str
    previous_digest: str | None
    next_seq: int


def stream_hash(stream: str) -> str:
    """Return what the names of all appends of a stream begin with."""
    return hashlib.sha256(stream.encode()).hexdigest()[:32]


def name_of(hashed: str, number: int) -> str:
    """Return the name of the file of one append; at most 99,999,999 appends a stream.

    Args:
        hashed: What ``stream_hash`` returned.
        number: Number of the append.
    """
    return f"{DIRECTORY}/{hashed}-{number:08d}{SUFFIX}"


def file_name(stream: str, number: int) -> str:
    """Return the name of the file of one append."""
    return name_of(stream_hash(stream), number)


def listed(medium: Medium) -> list[str]:
    """Return the names of the loose files that are there now, sorted."""
    return [name for name in medium.names(DIRECTORY) if name.endswith(SUFFIX)]


def encode(batch: EventBatch) -> bytes:
    """Return the bytes of the file of one append."""
    held = [
        field for field in SCHEMA if not field.nullable or batch.rows.column(field.name).null_count < len(batch.rows)
    ]
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer, pa.schema(held), compression="lz4", use_dictionary=False, write_statistics=False, store_schema=False
    ) as writer:
        writer.write_table(batch.rows.select([field.name for field in held]))
        writer.add_key_value_metadata(
            {
                _FORMAT: str(FORMAT_VERSION).encode(),
                _STREAM: batch.stream.encode(),
                _BATCH: str(batch.number).encode(),
                _DIGEST: batch.digest.encode(),
                _PREVIOUS: (batch.previous_digest or "").encode(),
                _NEXT_SEQ: str(batch.next_seq).encode(),
                _FILE_DIGEST: _NO_DIGEST,
            }
        )
    return stamped(buffer.getvalue())


def stamped(data: bytes) -> bytes:
    """Return the bytes of a file with the digest of them where it stands."""
    start, stop = _digest_span(data)
    return data[:start] + _file_digest(data) + data[stop:]


def _file_digest(data: bytes) -> bytes:
    """Return the digest of a file, computed with zeros where it stands."""
    start, stop = _digest_span(data)
    digest = hashlib.sha256(data[:start] + _NO_DIGEST + data[stop:]).hexdigest()
    return digest[: len(_NO_DIGEST)].encode()


def _digest_span(data: bytes) -> tuple[int, int]:
    """Return where in the bytes of a file its digest stands; a footer is not compressed.

    Raises:
        ValueError: There is none.
    """
    found = _DIGEST_PLACE.search(data, data.rindex(_FILE_DIGEST))
    if found is None:
        message = "the file has no digest"
        raise ValueError(message)
    return found.span(1)


def read_footer(medium: Medium, name: str, *, fresh: bool = False) -> Footer:
    """Return what a loose file says about itself.

    Raises:
        IntegrityError: It is no Parquet file of this ledger, or of a newer format.
        FileNotFoundError: There is no such file.
    """
    return _opened(content(medium, name, fresh=fresh), medium.where(name))[1]


def read_whole(medium: Medium, name: str, *, fresh: bool = False) -> tuple[Footer, pa.Table]:
    """Return footer and rows (in ``SCHEMA``) of a loose file.

    Raises:
        IntegrityError: The file is damaged, or of a newer format.
        FileNotFoundError: There is no such file.
    """
    data, where = content(medium, name, fresh=fresh), medium.where(name)
    file, footer = _opened(data, where)
    try:
        start, stop = _digest_span(data)
        if data[start:stop] != _file_digest(data):
            raise IntegrityError(damaged_message(where, "its bytes do not have the digest it was written with"))
        there = [field for field in SCHEMA if field.name in file.schema_arrow.names]
        rows = file.read(columns=[field.name for field in there]).cast(pa.schema(there))
        rows = widened(rows)
        rows.validate(full=True)  # Text that is no UTF-8 is read without complaint.
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(damaged_message(where, str(error))) from error
    return footer, rows


def widened(rows: pa.Table) -> pa.Table:
    """Return rows in ``SCHEMA``, with null in every column they lack.

    Raises:
        KeyError: They lack a column that may not be null.
    """
    columns = []
    for field in SCHEMA:
        if field.name in rows.column_names:
            columns.append(rows.column(field.name))
        elif field.nullable:
            columns.append(pa.nulls(len(rows), field.type))
        else:
            raise KeyError(field.name)
    return pa.table(columns, schema=SCHEMA)


def _opened(data: bytes, where: str) -> tuple[pq.ParquetFile, Footer]:
    """Return the open file and its footer."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        metadata = file.metadata.metadata or {}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise IntegrityError(damaged_message(where, str(error))) from error
    try:
        version = int(metadata[_FORMAT])
        footer = Footer(
            stream=metadata[_STREAM].decode(),
            number=int(metadata[_BATCH]),
            digest=metadata[_DIGEST].decode(),
            previous_digest=metadata[_PREVIOUS].decode() or None,
            next_seq=int(metadata[_NEXT_SEQ]),
        )
    except (KeyError, ValueError) as error:
        raise IntegrityError(damaged_message(where, "its footer is not one this ledger writes")) from error
    if version > FORMAT_VERSION:
        message = f"{where} has ledger format {version}, this release reads up to {FORMAT_VERSION}; install a newer one"
        raise IntegrityError(message)
    return file, footer


def damaged_message(where: str, detail: str) -> str:
    """Return the sentence for a file that cannot be read as what it should be."""
    first_line = detail.strip().splitlines()[0][:200] if detail.strip() else "no detail"
    return (
        f"{where} is damaged ({first_line.rstrip('.')}); restore it from a backup, or move it away and run"
        " `dagster-ledger ledger verify` to see what is missing"
    )
