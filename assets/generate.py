"""Makes awards and a registry of any size from a seed: ``python -m assets.generate --awards N --registry M --out DIR``.

Rules:
- Every row is a function of the seed and its own number, so the same rows come out whatever the size of the blocks.
- The dirt is what federal award data has: typos, other legal forms, missing and corrupted identifiers, placeholders,
  lost leading zeros, punctuation, renamed companies, companies that are not in the registry, repeated rows, accents.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Numbers = npt.NDArray[np.uint64]

_HEADS: Final = tuple(
    """
    Acme Apex Atlas Aurora Beacon Boreal Cascade Cedar Cobalt Condor Crescent Delta Dynamo Eagle Élan Falcon Fjord
    Garnet Granite Harbor Helix Horizon Ícaro Indigo Juniper Keystone Lakeside Lumen Magnolia Meridian Nimbus
    Northwind Obsidian Orchard Pacific Pinnacle Quartz Quantum Redwood Riverstone Saffron Sierra Summit Sølvberg
    Tamarack Titan Umbra Vanguard Vertex Wildflower Zenith Züri
    """.split()  # noqa: SIM905 - words are read more easily than a list
)
_MIDDLES: Final = tuple(
    """
    Aerospace Analytics Bio Building Cargo Chemical Civil Composite Data Defense Design Dental Diagnostics Digital
    Electric Energy Environmental Fabrication Facility Field Fluid Foods Freight Geospatial Health Industrial
    Information Instrument Logistics Machine Marine Materials Medical Metal Micro Network Nuclear Optical Pharma
    Power Precision Process Radar Research Robotic Safety Sensor Signal Software Space Steel Structural Systems
    Textile
    """.split()  # noqa: SIM905 - words are read more easily than a list
)
_TAILS: Final = tuple(
    """
    Associates Concepts Consulting Contractors Controls Dynamics Engineering Enterprises Group Holdings Innovations
    Labs Management Manufacturing Partners Products Resources Sciences Services Solutions Supply Support
    Technologies Technology Trading Works
    """.split()  # noqa: SIM905 - words are read more easily than a list
)
_FORMS: Final = ("Inc", "LLC", "Corp", "Co", "Ltd", "Incorporated", "L.L.C.", "Corporation", "")
_UEI: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PLACEHOLDERS: Final = ("000000000", "123456789", "999999999")
_RENAMED: Final = 1 << 40
"""Added to the number of a company, it gives another name: no registry is that large."""


@dataclass(frozen=True, slots=True)
class Generated:
    """Awards (``row``, ``name``, ``uei``, ``duns``, ``cage``), registry (``key`` too), truth (``row``, ``key``)."""

    awards: pa.Table
    registry: pa.Table
    truth: pa.Table


def generate(awards: int, registry: int, seed: int = 1) -> Generated:
    """Return awards, registry and truth.

    Args:
        awards: Number of awards.
        registry: Number of companies, at least 1.
        seed: Any whole number.
    """
    companies = np.arange(registry, dtype=np.uint64)
    rows = np.arange(awards, dtype=np.uint64)
    # A twentieth of the rows repeats the row before: the same company and the same dirt.
    original = np.where((draw(rows, seed, 1) % 20 == 0) & (rows > 0), rows - np.uint64(1), rows)
    absent = draw(original, seed, 2) % 25 == 0
    company = draw(original, seed, 3) % max(registry, 1) + np.where(absent, registry, 0).astype(np.uint64)
    identifiers = {
        "uei": _dirty(_uei(company, seed), original, seed, 10, missing=4),
        "duns": _dirty_duns(_duns(company, seed), original, seed),
        "cage": _dirty(_cage(company, seed), original, seed, 30, missing=2),
    }
    table = pa.table(
        {"row": rows.astype(np.int64), "name": _dirty_names(_known_names(company, original, seed), original, seed)}
        | identifiers,
        schema=_schema("row", pa.int64()),
    )
    known = ~absent
    keys = [f"C{number:08d}" for number in company[known].tolist()]
    return Generated(
        awards=table,
        registry=pa.table(
            {
                "key": [f"C{number:08d}" for number in companies.tolist()],
                "name": _names(companies, seed),
                "uei": _uei(companies, seed),
                "duns": _duns(companies, seed),
                "cage": _cage(companies, seed),
            },
            schema=_schema("key", pa.string()),
        ),
        truth=pa.table({"row": pa.array(rows[known].astype(np.int64)), "key": pa.array(keys, pa.string())}),
    )


def _schema(first: str, kind: pa.DataType) -> pa.Schema:
    """Return the columns of a table, whose types do not depend on which values happen to be there."""
    return pa.schema([(first, kind), *((name, pa.string()) for name in ("name", "uei", "duns", "cage"))])


def draw(numbers: Numbers, seed: int, purpose: int) -> Numbers:
    """Return a uniform 64-bit number per row and purpose (SplitMix64, Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        state = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64((seed * 1_000_003 + purpose) & 0xFFFFFFFFFFFFFFFF)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result: Numbers = state ^ (state >> np.uint64(31))
    return result


def _pick(words: tuple[str, ...], numbers: Numbers) -> list[str]:
    return [words[index] for index in (numbers % len(words)).tolist()]


def _names(company: Numbers, seed: int) -> list[str]:
    """Return the registered names; the number in some of them keeps large registries apart."""
    parts = zip(
        _pick(_HEADS, draw(company, seed, 50)),
        _pick(_MIDDLES, draw(company, seed, 51)),
        _pick(_TAILS, draw(company, seed, 52)),
        (draw(company, seed, 53) % 9_000 + 100).tolist(),
        _pick(_FORMS, draw(company, seed, 54)),
        strict=True,
    )
    return [
        " ".join(filter(None, (head, middle, tail, str(number), form))) for head, middle, tail, number, form in parts
    ]


def _known_names(company: Numbers, rows: Numbers, seed: int) -> list[str]:
    """Return the names awards know companies by: the registered one, or for one in fifty one it had before."""
    renamed = draw(rows, seed, 42) % 50 == 0
    return _names(company + np.where(renamed, _RENAMED, 0).astype(np.uint64), seed)


def _uei(company: Numbers, seed: int) -> list[str]:
    """Return twelve letters and digits, unique by company."""
    high = draw(company, seed, 60)
    return [
        _spelled(number, 6, "K") + _spelled(noise, 6, "")
        for number, noise in zip(company.tolist(), high.tolist(), strict=True)
    ]


def _cage(company: Numbers, seed: int) -> list[str]:
    """Return five letters and digits; unique up to 39 million companies."""
    del seed
    return [_spelled(number * 7_919 % 45_435_424, 5, "") for number in company.tolist()]


def _duns(company: Numbers, seed: int) -> list[str]:
    """Return nine digits, unique by company, some of them with leading zeros."""
    del seed
    return [f"{(number * 48_271 + 11) % 999_999_937:09d}" for number in company.tolist()]


def _spelled(number: int, length: int, first: str) -> str:
    """Return a number in the alphabet of UEI and CAGE."""
    letters = []
    for _ in range(length - len(first)):
        number, digit = divmod(number, len(_UEI))
        letters.append(_UEI[digit])
    return first + "".join(reversed(letters))


def _dirty(values: list[str], rows: Numbers, seed: int, purpose: int, *, missing: int) -> list[str | None]:
    """Return identifiers of which one in ``missing`` is absent and one in fifty has a wrong character."""
    gone = (draw(rows, seed, purpose) % missing == 0).tolist()
    wrong = (draw(rows, seed, purpose + 1) % 50 == 0).tolist()
    return [
        None if no else ("#" + value[1:] if bad else value) for value, no, bad in zip(values, gone, wrong, strict=True)
    ]


def _dirty_duns(values: list[str], rows: Numbers, seed: int) -> list[str | None]:
    """Return DUNS numbers, absent, as placeholders, without leading zeros, or with hyphens."""
    kinds = (draw(rows, seed, 20) % 20).tolist()
    spelled: list[str | None] = []
    for value, kind in zip(values, kinds, strict=True):
        if kind < 8:  # noqa: PLR2004 - eight of twenty are absent
            spelled.append(None)
        elif kind == 8:  # noqa: PLR2004
            spelled.append(_PLACEHOLDERS[int(value[-1]) % len(_PLACEHOLDERS)])
        elif kind == 9:  # noqa: PLR2004
            spelled.append(f"{value[:2]}-{value[2:5]}-{value[5:]}")
        else:
            spelled.append(value.lstrip("0") if kind % 2 else value)
    return spelled


def _dirty_names(names: list[str], rows: Numbers, seed: int) -> list[str]:
    """Return names as people type them: other case, other legal form, a letter lost or two swapped."""
    kinds, places = (draw(rows, seed, 40) % 10).tolist(), (draw(rows, seed, 41) % 6 + 1).tolist()
    typed = []
    for name, kind, place in zip(names, kinds, places, strict=True):
        if kind == 0:
            typed.append(name[:place] + name[place + 1 :])
        elif kind == 1:
            typed.append(name[:place] + name[place + 1 : place + 2] + name[place : place + 1] + name[place + 2 :])
        elif kind == 2:  # noqa: PLR2004
            typed.append(f"THE {name.upper()}")
        elif kind == 3:  # noqa: PLR2004
            typed.append(f"{name}, Inc.")
        else:
            typed.append(name)
    return typed


def main() -> None:
    """Write ``awards.parquet``, ``registry.parquet`` and ``truth.parquet``."""
    parser = argparse.ArgumentParser(prog="python -m assets.generate", description="Make awards and a registry.")
    parser.add_argument("--awards", type=int, default=10_000, help="number of awards [10000]")
    parser.add_argument("--registry", type=int, default=50_000, help="number of companies [50000]")
    parser.add_argument("--seed", type=int, default=1, help="any whole number [1]")
    parser.add_argument("--out", type=Path, required=True, help="directory for the three files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    made = generate(arguments.awards, arguments.registry, arguments.seed)
    for name, table in (("awards", made.awards), ("registry", made.registry), ("truth", made.truth)):
        pq.write_table(table, arguments.out / f"{name}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
