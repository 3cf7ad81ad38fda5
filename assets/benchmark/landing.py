"""What sources deliver: generated awards as CSV files, their details as JSON lines, a registry and the right answers.

Rules:
- Every row is a function of the seed and its own number: fewer rows are the first rows of more.
- Text is made here and read by the stages after it, so that their parsing is real.
"""

import csv
import io
import json
import lzma
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.generate import Numbers, draw, generate

T = TypeVar("T")

ROWS_PER_FILE: Final = 250
FILES: Final = pa.schema([pa.field("file", pa.string()), pa.field("content", pa.binary())])
AWARD_COLUMNS: Final = ("row", "name", "uei", "duns", "cage", "agency", "signed")
ANSWER_COLUMNS: Final = ("row", "key")

_AGENCIES: Final = ("DOD", "DOE", "DOI", "DOT", "EPA", "GSA", "HHS", "NASA", "NSF", "USDA", "VA")
_SUBJECTS: Final = ("bridge repair", "data services", "field survey", "laboratory supply", "radar spares", "training")
_DAYS: Final = 3_650


def award_files(awards: int, registry: int, seed: int) -> pa.Table:
    """Return CSV files of ``ROWS_PER_FILE`` awards each, then as many with the right answers, in ``FILES``.

    Args:
        awards: Number of awards.
        registry: Number of companies they may name, at least 1.
        seed: Any whole number.
    """
    made = generate(awards, registry, seed)
    rows = np.arange(awards, dtype=np.uint64)
    agencies = [_AGENCIES[index] for index in (draw(rows, seed, 101) % len(_AGENCIES)).tolist()]
    columns = [*(column.to_pylist() for column in made.awards.columns), agencies, _dates(rows, seed, 102)]
    lines = list(zip(*columns, strict=True))
    answers = list(zip(*(column.to_pylist() for column in made.truth.columns), strict=True))
    return pa.concat_tables(
        [
            _files("awards-{:05d}.csv", [_csv(AWARD_COLUMNS, part) for part in _parts(lines)]),
            _files("answers-{:05d}.csv", [_csv(ANSWER_COLUMNS, part) for part in _parts(answers)]),
        ]
    )


def detail_files(awards: int, seed: int) -> pa.Table:
    """Return files of JSON lines, one line per award with its amount, its description and its modifications."""
    rows = np.arange(awards, dtype=np.uint64)
    cents = (np.exp(draw(rows, seed, 103) / 2.0**64 * 12.0) * 1_000.0).astype(np.int64).tolist()
    modifications = (draw(rows, seed, 104) % 4).tolist()
    subjects = (draw(rows, seed, 105) % len(_SUBJECTS)).tolist()
    ends, offers = _dates(rows, seed, 106), (draw(rows, seed, 107) % 90 + 1).tolist()
    lines = [
        json.dumps(_detail(row, *known), separators=(",", ":"))
        for row, known in enumerate(zip(cents, modifications, subjects, ends, offers, strict=True))
    ]
    return _files("details-{:05d}.jsonl", ["\n".join(part).encode() for part in _parts(lines)])


def packed_registry(companies: int, seed: int) -> bytes:
    """Return so many companies as an xz file of one JSON document: an object of columns."""
    text = json.dumps(generate(0, companies, seed).registry.to_pydict())
    return lzma.compress(text.encode(), preset=6)


def files_of(files: pa.Table, kind: str) -> pa.Table:
    """Return the files of one kind: ``awards``, ``answers`` or ``details``."""
    return files.filter(pc.starts_with(files.column("file"), pattern=f"{kind}-"))


def _detail(row: int, cents: int, modifications: int, subject: int, ends: str, offers: int) -> dict[str, object]:
    """Return the details of one award."""
    dollars = f"{cents // 100}.{cents % 100:02d}"
    return {
        "award": row,
        "amount": dollars,
        "description": (
            f"Contract W{row % 97:02d}-{ends[:4]}-{row:07d} for {_SUBJECTS[subject]}; ceiling ${cents // 100:,} until"
            f" {ends}; {offers} offers received, NAICS {330_000 + cents % 9_999}; by desk{row % 311}@agency.example"
        ),
        "modifications": [
            {"number": number, "amount": f"{cents // (400 * (number + 1))}.00", "reason": _SUBJECTS[subject - number]}
            for number in range(modifications)
        ],
    }


def _dates(rows: Numbers, seed: int, purpose: int) -> list[str]:
    """Return a day of ten years per row, in ISO 8601."""
    days = (draw(rows, seed, purpose) % _DAYS).astype("timedelta64[D]")
    dates: list[str] = (np.datetime64("2016-01-01", "D") + days).astype(str).tolist()
    return dates


def _csv(header: Sequence[str], lines: Sequence[tuple[object, ...]]) -> bytes:
    """Return lines with a header as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue().encode()


def _parts(lines: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(lines), ROWS_PER_FILE):
        yield lines[start : start + ROWS_PER_FILE]


def _files(pattern: str, contents: Sequence[bytes]) -> pa.Table:
    """Return contents as numbered files."""
    return pa.table({"file": list(map(pattern.format, range(len(contents)))), "content": contents}, schema=FILES)
