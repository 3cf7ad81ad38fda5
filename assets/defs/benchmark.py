"""The benchmark suite: seventeen assets of a few seconds each, each another kind of work, on generated awards.

Rules:
- Nothing here is random, threaded or waiting: what an asset takes says something about code and machine alone.
- How much is generated is run configuration (``resources: benchmark_size``), for it decides what may be compared;
  faults are run tags (``assets.benchmark.faults``).
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import dagster as dg
import numpy as np
import pyarrow as pa

from assets.benchmark import landing, linking, reading, summing
from assets.benchmark.engine import settle, settled, without_collections
from assets.benchmark.faults import Faults, extra_units, faults_of, missing_bytes, repeated
from assets.measured import record_quality, record_size
from assets.quality import score
from ledger.dagster import current_span, tracked
from ledger.measure.memory import rss_bytes

GROUP: Final = "benchmark"
ASSETS: Final = frozenset(
    {
        *("landed_awards", "landed_details", "benchmark_registry", "parsed_awards", "decoded_details"),
        *("award_terms", "normalised_names", "name_fingerprints", "unique_awards", "identified_awards"),
        *("similar_awards", "linked_awards", "company_spending", "amount_quantiles", "ranked_awards"),
        *("award_history", "archived_awards"),
    }
)
"""The names of the suite's assets, which faults are asked for by."""

T = TypeVar("T")

one_fresh_process_a_step: Final = dg.multiprocess_executor.configured(
    {"max_concurrent": 1, "start_method": {"forkserver": {"preload_modules": ["assets.definitions"]}}},
    name="one_fresh_process_a_step",
)
"""Runs a step at a time, each in a process that earlier steps left nothing in: what allocators keep from earlier work
is most of the noise in the memory that small assets take."""


class BenchmarkSize(dg.ConfigurableResource[None]):
    """How much is generated: awards, companies they may name, and the seed."""

    awards: int = 240_000
    registry: int = 16_000
    seed: int = 1


def _asset(kind: str, code_version: str = "1") -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset of the suite."""

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        return dg.asset(group_name=GROUP, kinds={kind}, code_version=code_version)(settled(tracked(function)))

    return decorate


def _faults() -> Faults:
    return faults_of(dg.AssetExecutionContext.get().run.tags, ASSETS)


def _work(units: int, work: Callable[[int], pa.Table], *, by_file: bool = False) -> pa.Table:
    """Return the table that the work gives, its size recorded, with the faults that the run asks for.

    Args:
        units: Units of work: rows, or files.
        work: Does the first so many units.
        by_file: Whether a unit is a file, so that nobody knows yet how many rows are read.
    """
    span, faults = current_span(), _faults()
    name = span.header.subject
    slower, hungrier = faults.slowdown.get(name, 1.0), faults.memory.get(name, 1.0)
    with without_collections():
        table = repeated(slower, units, work)
    span.breakdown("work_units", {"needed": units, "extra": sum(extra_units(slower, units))}, unit="count")
    record_size(table, rows_in=None if by_file else units)
    if hungrier > 1.0:
        _hold(hungrier)
    settle()
    return table


def _hold(factor: float) -> None:
    """Hold memory until the peak increase of the span is ``factor`` times what the work itself needed."""
    span = current_span()
    noted = span.lap()
    start, peak = int(noted["start_rss_bytes"]), int(noted["peak_rss_bytes"])
    extra = missing_bytes(factor, start=start, peak=peak, now=rss_bytes())
    np.ones(extra, np.uint8)  # Written to, not only asked for: resident.
    span.breakdown("memory_bytes", {"needed": peak - start, "extra": extra}, unit="bytes")


@_asset("csv")
def landed_awards(benchmark_size: BenchmarkSize) -> pa.Table:
    """Files as sources deliver them: awards with dirty names and identifiers as CSV, and the right answers."""
    size = benchmark_size
    return _work(size.awards, lambda n: landing.award_files(n, size.registry, size.seed))


@_asset("json")
def landed_details(benchmark_size: BenchmarkSize) -> pa.Table:
    """Amount, description and modifications of every award as JSON lines."""
    size = benchmark_size
    return _work(size.awards, lambda n: landing.detail_files(n, size.seed))


@_asset("parquet")
def benchmark_registry(benchmark_size: BenchmarkSize) -> pa.Table:
    """The companies that awards may name, with their identifiers: packed, unpacked, names in one spelling."""
    size = benchmark_size

    def made(companies: int) -> pa.Table:
        return linking.with_normal_names(reading.unpack_registry(landing.packed_registry(companies, size.seed)))

    return _work(size.registry, made)


@_asset("csv")
def parsed_awards(landed_awards: pa.Table) -> pa.Table:
    """The awards, parsed from CSV: blanks stripped, empty fields absent, numbers as numbers."""
    files = landing.files_of(landed_awards, "awards")
    return _work(files.num_rows, lambda n: reading.parse_awards(files.slice(0, n)), by_file=True)


@_asset("json")
def decoded_details(landed_details: pa.Table) -> pa.Table:
    """The details, decoded from JSON: amounts in whole cents, modifications summed."""
    return _work(landed_details.num_rows, lambda n: reading.decode_details(landed_details.slice(0, n)), by_file=True)


@_asset("python")
def award_terms(decoded_details: pa.Table) -> pa.Table:
    """Contract, ceiling, end, offers, NAICS and contact, found in the descriptions by regular expressions."""
    return _work(decoded_details.num_rows, lambda n: reading.extract_terms(decoded_details.slice(0, n)))


@_asset("duckdb")
def normalised_names(parsed_awards: pa.Table) -> pa.Table:
    """The names of the awards in one spelling."""
    return _work(parsed_awards.num_rows, lambda n: linking.normalise_names(parsed_awards.slice(0, n)))


@_asset("python")
def unique_awards(parsed_awards: pa.Table, normalised_names: pa.Table) -> pa.Table:
    """The awards without those that repeat an earlier one."""
    table = _work(
        parsed_awards.num_rows, lambda n: linking.unique_awards(parsed_awards.slice(0, n), normalised_names.slice(0, n))
    )
    current_span().measure("duplicate_rows", float(parsed_awards.num_rows - table.num_rows))
    return table


@_asset("numpy")
def name_fingerprints(unique_awards: pa.Table) -> pa.Table:
    """MinHash of the trigrams of each name."""
    return _work(unique_awards.num_rows, lambda n: summing.name_fingerprints(unique_awards.slice(0, n)))


@_asset("python")
def identified_awards(unique_awards: pa.Table, benchmark_registry: pa.Table) -> pa.Table:
    """The companies that awards name by UEI, DUNS or CAGE: an exact join on cleaned identifiers."""
    return _work(
        unique_awards.num_rows, lambda n: linking.identified_awards(unique_awards.slice(0, n), benchmark_registry)
    )


@_asset("duckdb")
def similar_awards(unique_awards: pa.Table, identified_awards: pa.Table, benchmark_registry: pa.Table) -> pa.Table:
    """The companies that the other awards name by an equal or a similar name."""
    rest = linking.unlinked(unique_awards, identified_awards)
    with linking.prepared(benchmark_registry) as connection:
        table = _work(rest.num_rows, lambda n: linking.similar_awards(connection, rest.slice(0, n)))
    settle()  # The registry's tables are gone only now.
    return table


@_asset("parquet")
def linked_awards(
    unique_awards: pa.Table,
    identified_awards: pa.Table,
    similar_awards: pa.Table,
    benchmark_registry: pa.Table,
    landed_awards: pa.Table,
    benchmark_size: BenchmarkSize,
) -> pa.Table:
    """Every award with its company and how far the names agree, scored against answers no other asset reads."""
    links = linking.merged_links(identified_awards, similar_awards)
    links = linking.without_links(links, round(_faults().dropped_matches * links.num_rows), benchmark_size.seed)
    record_quality(score(links, reading.read_answers(landing.files_of(landed_awards, "answers"))))
    return _work(
        links.num_rows,
        lambda n: linking.linked_awards(unique_awards.slice(0, n), links.slice(0, n), benchmark_registry),
    )


@_asset("python")
def company_spending(linked_awards: pa.Table, unique_awards: pa.Table, decoded_details: pa.Table) -> pa.Table:
    """Exact dollars per company and fiscal year."""
    amounts = summing.amounts_of(decoded_details)
    return _work(
        linked_awards.num_rows,
        lambda n: summing.company_spending(linked_awards.slice(0, n), unique_awards.slice(0, n), amounts),
    )


@_asset("numpy")
def amount_quantiles(unique_awards: pa.Table, decoded_details: pa.Table) -> pa.Table:
    """Quantiles of the amount by agency, year and initials."""
    amounts = summing.amounts_of(decoded_details)
    return _work(unique_awards.num_rows, lambda n: summing.amount_quantiles(unique_awards.slice(0, n), amounts))


@_asset("python")
def ranked_awards(unique_awards: pa.Table, decoded_details: pa.Table) -> pa.Table:
    """The awards in the order of agency, year and falling amount."""
    amounts = summing.amounts_of(decoded_details)
    return _work(unique_awards.num_rows, lambda n: summing.ranked_awards(unique_awards.slice(0, n), amounts))


@_asset("duckdb")
def award_history(linked_awards: pa.Table, unique_awards: pa.Table, decoded_details: pa.Table) -> pa.Table:
    """Running totals, pauses and moving means of each company's awards."""
    return _work(
        linked_awards.num_rows,
        lambda n: summing.award_history(linked_awards.slice(0, n), unique_awards, decoded_details),
    )


@_asset("parquet")
def archived_awards(award_history: pa.Table, award_terms: pa.Table, name_fingerprints: pa.Table) -> pa.Table:
    """How the history, the terms and the fingerprints compress; each column is read back and compared."""
    columns = summing.side_by_side(award_history, award_terms, name_fingerprints)
    return _work(columns.num_rows, lambda n: summing.archived_awards(columns.slice(0, n)))
