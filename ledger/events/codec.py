"""Translates events to ledger rows and back.

Rules:
- A field named like an event column is stored there, every other field in the canonical JSON payload; a field that
  is ``None`` is left out of the payload.
- Canonical JSON here is sorted keys, no white space, UTF-8, no NaN or infinity. Lone surrogates (they occur in
  messages of operating-system errors) are written as backslash escapes, so that every text can be stored.
- Older versions of a kind are brought up to date by ``UPCASTERS``; unknown kinds and newer versions come back as
  ``UnknownEvent`` with everything they hold.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from ledger.errors import ConfigurationError, IntegrityError
from ledger.events import KINDS, Event, RecordedEvent, UnknownEvent
from ledger.events.schema import COLUMNS, EVENT_COLUMNS, FORMAT_VERSION, SCHEMA

Row = Mapping[str, Any]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _as_it_is(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a version that the next one only added to, or asks less of."""
    return fields


UPCASTERS: Final[Mapping[tuple[str, int], Upcaster]] = MappingProxyType({("asset_started", 1): _as_it_is})
"""``(kind, version)`` to the function that turns that version's fields into those of the next version."""


def canonical_json(value: object) -> str:
    """Return the one spelling of a JSON value that the ledger stores and hashes.

    Raises:
        ConfigurationError: The value holds NaN, an infinity, or something JSON has no word for.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"an event field cannot be stored as JSON ({error}); use finite numbers, text, lists and mappings"
        raise ConfigurationError(message) from error
    return _storable(text)


def to_table(stream: str, batch: int, first_seq: int, events: Sequence[tuple[datetime, Event]]) -> pa.Table:
    """Return the rows of one append, in ``SCHEMA``; ``events`` is left untouched.

    Args:
        stream: Stored spelling of the stream.
        batch: Number of the append in the stream.
        first_seq: Position of the first event in the stream.
        events: Pairs of UTC time and event, in order, at least one.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for offset, (ts, event) in enumerate(events):
        row = _encode(event)
        row |= {"stream": stream, "seq": first_seq + offset, "batch": batch, "ts": ts, "writer_version": FORMAT_VERSION}
        for name, values in columns.items():
            values.append(row.get(name))
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def from_table(
    table: pa.Table, *, upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS
) -> Iterable[RecordedEvent]:
    """Yield the events of a table one by one; for showing single events, never for folding many.

    Raises:
        IntegrityError: A payload is no JSON object, or lacks a field its kind must have.
    """
    for row in table.to_pylist():
        yield RecordedEvent(row["stream"], row["seq"], row["batch"], row["ts"], _decode(row, upcasters))


def _encode(event: Event) -> dict[str, Any]:
    """Return the columns that come from the event itself."""
    row: dict[str, Any] = {"kind": event.KIND, "kind_version": event.VERSION}
    payload: dict[str, Any] = {}
    for name in _field_names(type(event)):
        value = getattr(event, name)
        if name not in EVENT_COLUMNS:
            if value is not None:
                payload[name] = value
        elif isinstance(value, str):
            row[name] = _storable(value)
        elif value is not None:
            row[name] = _finite(event.KIND, name, float(value))
    row["payload"] = canonical_json(payload) if payload else None
    return row


def _decode(row: Row, upcasters: Mapping[tuple[str, int], Upcaster]) -> Event:
    """Return the event a row holds, brought up to the version this release knows."""
    kind, version = row["kind"], row["kind_version"]
    fields = {name: row[name] for name in EVENT_COLUMNS if row[name] is not None}
    fields |= _payload(row)
    cls = KINDS.get(kind)
    if cls is None or version > cls.VERSION:
        return UnknownEvent(kind=kind, kind_version=version, fields=fields)
    while version < cls.VERSION:
        upcaster = upcasters.get((kind, version))
        if upcaster is None:
            message = f"event {kind!r} of version {version} in stream {row['stream']!r} has no upcaster in this release"
            raise IntegrityError(message)
        fields, version = upcaster(fields), version + 1
    try:
        return cls(**fields)
    except TypeError as error:
        message = (
            f"event {kind!r} at position {row['seq']} of stream {row['stream']!r} does not hold what version {version}"
            f" of it must hold ({error})"
        )
        raise IntegrityError(message) from error


def _payload(row: Row) -> dict[str, Any]:
    """Return the payload's fields, lists as tuples."""
    if row["payload"] is None:
        return {}
    try:
        value = json.loads(row["payload"])
    except json.JSONDecodeError as error:
        message = f"payload at position {row['seq']} of stream {row['stream']!r} is not JSON ({error})"
        raise IntegrityError(message) from error
    if not isinstance(value, dict):
        message = f"payload at position {row['seq']} of stream {row['stream']!r} is not a JSON object"
        raise IntegrityError(message)
    return {name: _frozen(item) for name, item in value.items()}


def _frozen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with every list turned into a tuple."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {name: _frozen(item) for name, item in value.items()}
    return value


def _finite(kind: str, name: str, value: float) -> float:
    """Return the number, or refuse one that no comparison could use."""
    if math.isfinite(value):
        return value
    message = f"{kind} has {name} {value!r}; record finite numbers only, and nothing where there is no value"
    raise ConfigurationError(message)


def _storable(text: str) -> str:
    """Return the text with lone surrogates escaped, since UTF-8 has no bytes for them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _field_names(cls: type[Event]) -> tuple[str, ...]:
    """Return the field names of an event class."""
    return tuple(field.name for field in dataclasses.fields(cls))
