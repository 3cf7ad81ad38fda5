"""Segments: sorted Parquet files that many appends were merged into.

Rules:
- Rows are sorted by asset, time, stream and position, so that a query for one asset, or for some days, reads little.
- An append lies whole in one segment, in the month of its first event.
- A segment is believed only after every append in it has the digest that was sealed.
- The name begins with the digest of the file's bytes; eight random digits follow, so that each file has one writer.
"""

import hashlib
import io
import re
import uuid
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.errors import IntegrityError
from ledger.events.digest_bulk import batch_digests
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store import loose
from ledger.store.medium import Medium, content
from ledger.store.records import Segment

DIRECTORY: Final = "segments"
ROWS: Final = 1_000_000
"""Segments hold about as many rows: 10 MB, and less than a gigabyte of memory while one is made."""

_GROUP_ROWS: Final = 122_880
_NAME: Final = re.compile(r"segments/month=(\d{4}-\d{2})/([0-9a-f]{24})-[0-9a-f]{8}\.parquet")
_FORMAT: Final = b"ledger.format"
_ORDER: Final = (("asset", "ascending"), ("ts", "ascending"), ("stream", "ascending"), ("seq", "ascending"))
_TEXT: Final = [field.name for field in SCHEMA if pa.types.is_string(field.type)]
_ENCODINGS: Final = {
    "seq": "DELTA_BINARY_PACKED",
    "batch": "DELTA_BINARY_PACKED",
    "ts": "DELTA_BINARY_PACKED",
    "value": "BYTE_STREAM_SPLIT",
}

Sealed = Mapping[tuple[str, int], tuple[int, str]]
"""Stream and number of an append to its leaf and its digest (hex)."""


def by_month(events: pa.Table) -> dict[str, pa.Table]:
    """Return the events by the month their append began in."""
    months = pc.add(pc.multiply(pc.year(events.column("ts")), 100), pc.month(events.column("ts"))).to_numpy()
    if len(np.unique(months)) > 1:
        codes = events.column("stream").combine_chunks().dictionary_encode().indices.to_numpy()
        keys = codes.astype(np.int64) << 32 | events.column("batch").to_numpy()
        _, place = np.unique(keys, return_inverse=True)
        first = np.full(place.max() + 1, np.iinfo(months.dtype).max, dtype=months.dtype)
        np.minimum.at(first, place, months)
        months = first[place]
    found = np.unique(months).tolist()
    parts = {f"{month // 100:04d}-{month % 100:02d}": pa.array(months == month) for month in found}
    return {month: events.filter(mask) for month, mask in parts.items()}


def encode(events: pa.Table) -> bytes:
    """Return the bytes of a segment with these events, sorted here."""
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer,
        SCHEMA,
        compression="zstd",
        use_dictionary=_TEXT,
        column_encoding=_ENCODINGS,
        store_schema=False,
    ) as writer:
        writer.write_table(events.sort_by(list(_ORDER)), row_group_size=_GROUP_ROWS)
        writer.add_key_value_metadata({_FORMAT: str(FORMAT_VERSION).encode()})
    return buffer.getvalue()


def new_name(month: str, data: bytes) -> str:
    """Return the name for a segment with these bytes."""
    return f"{DIRECTORY}/month={month}/{content_digest(data)}-{uuid.uuid4().hex[:8]}.parquet"


def write(medium: Medium, name: str, data: bytes, sealed: Sealed) -> Segment:
    """Write a segment, read it again, and return it once every append in it has its sealed digest.

    Args:
        medium: Where to.
        name: Its name.
        data: Its bytes.
        sealed: The leaves of its appends, and of those before them.

    Raises:
        IntegrityError: What was read is not what was sealed.
        StoreError: The medium refused.
    """
    medium.put_if_absent(name, data)
    segment, wrong = described(medium, name, sealed)
    if wrong:
        message = f"{medium.where(name)} is not what it should be ({wrong[0]}); nothing was replaced"
        raise IntegrityError(message)
    return segment


def described(medium: Medium, name: str, sealed: Sealed) -> tuple[Segment, list[str]]:
    """Return what a segment holds, and a sentence for each append in it that is not what was sealed.

    Raises:
        IntegrityError: It is damaged.
        FileNotFoundError: It is not there.
    """
    events, stored_bytes = read(medium, name)
    digests = batch_digests(events, {place: digest for place, (_, digest) in sealed.items()})
    wrong = [
        f"append {number} of stream {stream!r} in it is not what was sealed"
        for (stream, number), digest in digests.items()
        if (stream, number) not in sealed or sealed[stream, number][1] != digest
    ]
    if not any(place in sealed for place in digests):
        raise IntegrityError(loose.damaged_message(medium.where(name), "nothing in it was sealed"))
    return facts(name, events, sealed, stored_bytes), wrong


def facts(name: str, events: pa.Table, sealed: Sealed, stored_bytes: int) -> Segment:
    """Return what a record says of a segment with these events.

    Args:
        name: Its name.
        events: Its events.
        sealed: The leaves of its appends.
        stored_bytes: Size of the file.
    """
    match = _NAME.fullmatch(name)
    pairs = events.group_by(["stream", "batch"], use_threads=False).aggregate([]).to_pylist()
    places = [(pair["stream"], pair["batch"]) for pair in pairs]
    numbers = [sealed[place][0] for place in places if place in sealed]
    times = pc.min_max(events.column("ts").cast(pa.int64())).as_py()
    return Segment(
        name=name,
        month=match[1] if match else "",
        rows=events.num_rows,
        batches=len(places),
        first_leaf=min(numbers, default=-1),
        last_leaf=max(numbers, default=-1),
        first_ts=times["min"],
        last_ts=times["max"],
        stored_bytes=stored_bytes,
    )


def read(medium: Medium, name: str) -> tuple[pa.Table, int]:
    """Return the events of a segment and its size in bytes, once its bytes have the digest its name says.

    Raises:
        IntegrityError: It is damaged.
        FileNotFoundError: It is not there.
    """
    where = medium.where(name)
    match = _NAME.fullmatch(name)
    data = content(medium, name, fresh=True)
    if match is None or content_digest(data) != match[2]:
        raise IntegrityError(loose.damaged_message(where, "its bytes do not have the digest its name says"))
    return decode(data, where), len(data)


def decode(data: bytes, where: str) -> pa.Table:
    """Return the events of a segment in ``SCHEMA``.

    Raises:
        IntegrityError: It is damaged.
    """
    try:
        events = pq.read_table(pa.BufferReader(data), columns=SCHEMA.names).cast(SCHEMA)
        events.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise IntegrityError(loose.damaged_message(where, str(error))) from error
    return events


def content_digest(data: bytes) -> str:
    """Return what the name of a segment with these bytes begins with."""
    return hashlib.sha256(data).hexdigest()[:24]


def is_name(name: str) -> bool:
    """Return whether a name is one of a segment."""
    return _NAME.fullmatch(name) is not None
