"""Companies of stock indices, linked to the registrants of the SEC, profiled and published."""

from pathlib import Path
from typing import TypedDict

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.enrich import Progress, enrich, enrich_calibrated
from assets.matching.spec import Identifier, MatchSpec
from assets.measured import record_calibration, record_quality, record_size, save_report
from assets.publish import publish
from assets.quality import QualityReport, score
from assets.sources import DATA, read_table
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.gates import QualityChecks, Results, at_least, at_most, required_columns, unique

GROUP = "companies"
_IDENTIFIERS = (Identifier("isin", "isin"),)
_US_INDICES = ("DOW JONES", "NASDAQ 100", "S&P 100", "S&P 500", "S&P 600")
"""Indices of companies that have to be registered with the SEC: what the match rate is a share of."""

_CHECKS = QualityChecks(
    "enriched_companies",
    at_least("match_rate", "match_rate_threshold"),
    at_least("precision", "precision_threshold"),
    required_columns("row", "company_id", "name"),
    unique("company_id"),
    at_least("recall", "recall_threshold", blocking=False),
    at_most("calibration_error", 0.05, blocking=False),
)


@dg.asset(group_name=GROUP, kinds={"parquet", "duckdb"}, code_version="1")
@tracked
def companies() -> pa.Table:
    """Companies named in 20 stock indices: one row per company, the ISINs of its repeated rows put together."""
    dirty = _typed(_input("companies", ("company_id", "index", "name", "country", "isins")))
    with duckdb.connect() as connection:
        connection.register("dirty", dirty)
        table = connection.sql("""
            SELECT row_number() OVER (ORDER BY company_id) - 1 AS row, company_id, min(name) AS name,
                   min(country) AS country, list_sort(list_distinct(list("index"))) AS indices,
                   list_sort(list_distinct(flatten(list(isins)))) AS isins
            FROM dirty GROUP BY company_id ORDER BY company_id
        """).to_arrow_table()
        connection.register("companies", table)
        table = connection.sql("""
            SELECT *, list_filter(isins, lambda i: starts_with(i, 'US'))[1] AS isin FROM companies ORDER BY row
        """).to_arrow_table()
    current_span().measure("duplicate_rows", float(dirty.num_rows - table.num_rows))
    record_size(table, rows_in=dirty.num_rows)
    return table


@dg.asset(group_name=GROUP, kinds={"parquet"}, code_version="1")
@tracked
def registrants() -> pa.Table:
    """Companies registered with the SEC: CIK, ticker, exchange and legal name."""
    table = _input("registrants", ("cik", "ticker", "exchange", "name"))
    record_size(table)
    return table


@dg.asset(group_name=GROUP, kinds={"parquet", "duckdb"}, code_version="1")
@tracked
def registrant_identifiers(registrants: pa.Table) -> pa.Table:
    """CUSIP to CIK, by way of the ticker that both name."""
    cusips = _input("cusips", ("cusip", "ticker"))
    joined = cusips.join(registrants.select(["ticker", "cik"]), keys="ticker", join_type="inner", use_threads=False)
    links = pa.table(
        {
            "kind": pa.array(["cusip"] * joined.num_rows, pa.string()),
            "value": joined.column("cusip"),
            "key": joined.column("cik"),
        }
    ).sort_by([("value", "ascending"), ("key", "ascending")])
    record_size(links, rows_in=cusips.num_rows)
    return links


@dg.asset(group_name=GROUP, kinds={"duckdb"}, code_version="3", check_specs=_CHECKS.specs)
@tracked
def enriched_companies(companies: pa.Table, registrants: pa.Table, registrant_identifiers: pa.Table) -> Results:
    """Every company with its CIK, how it was found, and how probably that is right: CUSIP, exact name, similar name."""
    matches, calibration = enrich_calibrated(
        *_source_and_names(companies, registrants), registrant_identifiers, _spec(_IDENTIFIERS), **_progress()
    )
    record_calibration(calibration)
    _judge(matches, companies, "enriched_companies")
    record_size(matches, rows_in=companies.num_rows)
    enriched = companies
    for name in matches.column_names[1:]:  # Both are ordered by row, one row each.
        enriched = enriched.append_column(name, matches.column(name))
    yield from _CHECKS.results(enriched)


@dg.asset(group_name=GROUP, kinds={"duckdb"}, code_version="1")
@tracked
def name_matching(companies: pa.Table, registrants: pa.Table) -> pa.Table:
    """What names alone would find: the honest test of the name matcher, without any identifier or calibration."""
    matches = enrich(*_source_and_names(companies, registrants), None, _spec(()), **_progress())
    _judge(matches, companies, "name_matching")
    record_size(matches, rows_in=companies.num_rows)
    return matches


@dg.asset(group_name=GROUP, kinds={"duckdb"}, code_version="1")
@tracked
def company_profile(enriched_companies: pa.Table, registrants: pa.Table) -> pa.Table:
    """Companies and links by country and exchange."""
    with duckdb.connect() as connection:
        connection.register("enriched", enriched_companies)
        connection.register("registrants", registrants)
        table = connection.sql("""
            SELECT coalesce(country, 'unknown') AS country, coalesce(exchange, 'not registered') AS exchange,
                   count(*) AS companies, count(key) AS linked, avg(confidence) AS mean_confidence
            FROM enriched LEFT JOIN (SELECT cik AS key, min(exchange) AS exchange FROM registrants GROUP BY cik)
                 USING (key)
            GROUP BY ALL ORDER BY country, exchange
        """).to_arrow_table()
    record_size(table, rows_in=enriched_companies.num_rows)
    return table


@dg.asset(group_name=GROUP, kinds={"parquet"}, code_version="1")
@tracked
def published_companies(enriched_companies: pa.Table, company_profile: pa.Table) -> dg.MaterializeResult[None]:
    """The enriched companies and their profile, published as one version that readers see whole or not at all."""
    target = Path(current_settings().output_dir) / "published" / "companies"
    version = publish({"companies": enriched_companies, "profile": company_profile}, target)
    span = current_span()
    span.rows(rows_in=enriched_companies.num_rows, rows_out=enriched_companies.num_rows)
    span.measure("dataset_bytes", float(version.size_bytes))
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(str(target / "current")), "content_digest": version.digest}
    )


def _input(name: str, columns: tuple[str, ...]) -> pa.Table:
    """Return an input table, Parquet or CSV: of the configured directory, or the data that comes with the pipeline."""
    directory = Path(current_settings().input_dir or DATA)
    as_text = directory / f"{name}.csv"
    return read_table(str(as_text if as_text.is_file() else directory / f"{name}.parquet"), columns)


def _typed(table: pa.Table) -> pa.Table:
    """Return a table with numbered companies and lists of ISINs, which CSV holds as text."""
    columns = dict(zip(table.column_names, table.columns, strict=True))
    columns["company_id"] = columns["company_id"].cast(pa.int64())
    if "isins" in columns and not pa.types.is_list(columns["isins"].type):
        columns["isins"] = pc.split_pattern(pc.fill_null(columns["isins"].cast(pa.string()), ""), " ")
    return pa.table(columns)


class _Progress(TypedDict):
    """How many companies are matched at a time, and who is told."""

    chunk_size: int
    progress: Progress


def _source_and_names(companies: pa.Table, registrants: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return what is matched, and the names it is matched to."""
    names = registrants.select(["cik", "name"]).rename_columns(["key", "name"])
    return companies.select(["row", "name", "isin"]), names


def _spec(columns: tuple[Identifier, ...]) -> MatchSpec:
    """Return how it is matched, with the settings that hold."""
    return MatchSpec(columns, low_confidence_threshold=current_settings().low_confidence_threshold)


def _progress() -> _Progress:
    return {"chunk_size": current_settings().chunk_size, "progress": current_span().progress}


def _in_scope(companies: pa.Table) -> pa.ChunkedArray:
    """Return whether each company is in a US index, from the source alone."""
    us = set(_US_INDICES)
    found = [not us.isdisjoint(indices) for indices in companies.column("indices").to_pylist()]
    return pa.chunked_array([pa.array(found, pa.bool_())])


def _judge(matches: pa.Table, companies: pa.Table, asset: str) -> QualityReport:
    """Score matches against the tickers nobody used, record the report and save it."""
    truth = _typed(_input("truth", ("company_id", "cik")))
    rows = companies.select(["row", "company_id"]).join(truth, keys="company_id", join_type="inner", use_threads=False)
    answers = rows.select(["row", "cik"]).rename_columns(["row", "key"])
    duplicates = pc.sum(pc.list_value_length(companies.column("indices"))).as_py() or 0
    report = score(
        matches, answers, duplicate_rows=max(int(duplicates) - companies.num_rows, 0), in_scope=_in_scope(companies)
    )
    record_quality(report)
    save_report(report, asset)
    return report
