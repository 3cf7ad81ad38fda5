"""Reads what was delivered: CSV, JSON lines, and the facts that descriptions hold as prose."""

import csv
import json
import lzma
import re
from datetime import date
from typing import Final

import pyarrow as pa

from assets.benchmark.landing import AWARD_COLUMNS

DETAILS: Final = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("cents", pa.int64()),
        pa.field("modified_cents", pa.int64()),
        pa.field("modifications", pa.int64()),
        pa.field("description", pa.string()),
    ]
)
TERMS: Final = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("contract", pa.string()),
        pa.field("ceiling", pa.int64()),
        pa.field("ends", pa.string()),
        pa.field("offers", pa.int64()),
        pa.field("naics", pa.string()),
        pa.field("domain", pa.string()),
    ]
)

_CONTRACT: Final = re.compile(r"\b([A-Z]\d{2}-\d{4}-\d{7})\b")
_CEILING: Final = re.compile(r"ceiling \$([\d,]+)")
_ENDS: Final = re.compile(r"until\s+(\d{4}-\d{2}-\d{2})")
_OFFERS: Final = re.compile(r"(\d+) offers?\b")
_NAICS: Final = re.compile(r"\bNAICS (\d{6})\b")
_CONTACT: Final = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")


def parse_awards(files: pa.Table) -> pa.Table:
    """Return the rows of CSV files in ``landing.FILES``: ``row`` a number, ``signed`` a day, the rest text or null."""
    columns: list[list[str | None]] = [[] for _ in AWARD_COLUMNS]
    for content in files.column("content").to_pylist():
        reader = csv.DictReader(content.decode().splitlines())
        for line in reader:
            for column, name in zip(columns, AWARD_COLUMNS, strict=True):
                column.append(line[name].strip() or None)
    numbers = pa.array([int(text or 0) for text in columns[0]], pa.int64())
    texts = [pa.array(column, pa.string()) for column in columns[1:-1]]
    days = pa.array([date.fromisoformat(text) if text else None for text in columns[-1]], pa.date32())
    return pa.table([numbers, *texts, days], names=list(AWARD_COLUMNS))


def read_answers(files: pa.Table) -> pa.Table:
    """Return ``row`` (int64) and ``key`` of the awards whose company the registry knows."""
    lines = [line for content in files.column("content").to_pylist() for line in content.decode().splitlines()[1:]]
    pairs = [line.partition(",") for line in lines]
    rows = pa.array([int(row) for row, _, _ in pairs], pa.int64())
    return pa.table({"row": rows, "key": pa.array([key for _, _, key in pairs], pa.string())})


def unpack_registry(packed: bytes) -> pa.Table:
    """Return the registry of an xz file of one JSON document."""
    columns: dict[str, list[str]] = json.loads(lzma.decompress(packed))
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def decode_details(files: pa.Table) -> pa.Table:
    """Return one row per JSON line, its modifications summed, in ``DETAILS``; amounts become whole cents."""
    found: list[tuple[int, int, int, int, str]] = []
    for content in files.column("content").to_pylist():
        for line in content.splitlines():
            entry = json.loads(line)
            changes = [_cents(change["amount"]) for change in entry["modifications"]]
            found.append((entry["award"], _cents(entry["amount"]), sum(changes), len(changes), entry["description"]))
    columns = list(zip(*found, strict=True)) or [()] * len(DETAILS)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, DETAILS, strict=True)], DETAILS)


def extract_terms(details: pa.Table) -> pa.Table:
    """Return what the descriptions say, in ``TERMS``, null where they are silent."""
    texts = details.column("description").to_pylist()
    ceilings = _found(_CEILING, texts)
    offers = _found(_OFFERS, texts)
    columns = [
        details.column("row").combine_chunks(),
        pa.array(_found(_CONTRACT, texts), pa.string()),
        pa.array([int(text.replace(",", "")) if text else None for text in ceilings], pa.int64()),
        pa.array(_found(_ENDS, texts), pa.string()),
        pa.array([int(text) if text else None for text in offers], pa.int64()),
        pa.array(_found(_NAICS, texts), pa.string()),
        pa.array(_found(_CONTACT, texts), pa.string()),
    ]
    return pa.table(columns, schema=TERMS)


def _cents(amount: str) -> int:
    """Return dollars and cents, written with a point, as whole cents."""
    dollars, _, cents = amount.partition(".")
    return int(dollars) * 100 + int(cents)


def _found(pattern: re.Pattern[str], texts: list[str]) -> list[str | None]:
    """Return what the only group of a pattern holds in each text."""
    hits = map(pattern.search, texts)
    return [hit.group(1) if hit else None for hit in hits]
