"""One append as one small Parquet file: its bytes, its name, and its footer.

Rules:
- The name is deterministic (stream hash and number), so that putting it if absent decides who wins.
- The footer names format, stream, number, digest and previous digest; a reader can trust none of it before the
  digest has been recomputed, but needs it to tell a repeated append from a conflicting one.
- Statistics and dictionaries are left out: they would double the size of a file of twenty rows.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import IntegrityError
from ledger.events.batch import EventBatch
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store.medium import Medium

DIRECTORY: Final = "loose"
SUFFIX: Final = ".parquet"
_FORMAT: Final = b"dagster_ledger.format"
_STREAM: Final = b"dagster_ledger.stream"
_BATCH: Final = b"dagster_ledger.batch"
_DIGEST: Final = b"dagster_ledger.digest"
_PREVIOUS: Final = b"dagster_ledger.previous_digest"
_NEXT_SEQ: Final = b"dagster_ledger.next_seq"


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
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer, SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False, store_schema=False
    ) as writer:
        writer.write_table(batch.rows)
        writer.add_key_value_metadata(
            {
                _FORMAT: str(FORMAT_VERSION).encode(),
                _STREAM: batch.stream.encode(),
                _BATCH: str(batch.number).encode(),
                _DIGEST: batch.digest.encode(),
                _PREVIOUS: (batch.previous_digest or "").encode(),
                _NEXT_SEQ: str(batch.next_seq).encode(),
            }
        )
    return buffer.getvalue()


def read_footer(medium: Medium, name: str, *, fresh: bool = False) -> Footer:
    """Return what a loose file says about itself.

    Raises:
        IntegrityError: It is no Parquet file of this ledger, or of a newer format.
        FileNotFoundError: There is no such file.
    """
    return _opened(medium, name, fresh=fresh)[1]


def read_whole(medium: Medium, name: str, *, fresh: bool = False) -> tuple[Footer, pa.Table]:
    """Return footer and rows (in ``SCHEMA``) of a loose file.

    Raises:
        IntegrityError: The file is damaged, or of a newer format.
        FileNotFoundError: There is no such file.
    """
    file, footer = _opened(medium, name, fresh=fresh)
    try:
        rows = file.read(columns=list(SCHEMA.names)).cast(SCHEMA)
        rows.validate(full=True)  # Text that is no UTF-8 is read without complaint.
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(damaged_message(medium.where(name), str(error))) from error
    return footer, rows


def _opened(medium: Medium, name: str, *, fresh: bool) -> tuple[pq.ParquetFile, Footer]:
    """Return the open file and its footer."""
    where = medium.where(name)
    try:
        file = pq.ParquetFile(medium.paths([name], fresh=fresh)[0])
        metadata = file.metadata.metadata or {}
    except FileNotFoundError:
        raise
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
