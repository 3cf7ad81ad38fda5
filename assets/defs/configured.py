"""Any source of your own, linked to any registry of your own: files, columns and identifiers come from run config."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa

from assets.matcher import Matcher
from assets.matching.match import MATCH_SCHEMA
from assets.matching.spec import MatchSpec
from assets.measured import record_links
from assets.preparing import prepared
from assets.sources import SourceConfig, check_columns, identifiers_of, read_truth, stored_source
from ledger.chunks import ParquetWriting
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.chunked import WORK_DIRECTORY, run_chunked


class Column(dg.Config):
    """An identifier column of the source and its kind."""

    column: str
    kind: str


class Source(dg.Config):
    """Files and columns; see ``assets.sources.SourceConfig``."""

    source: str
    registry: str
    name_column: str | None = "name"
    key_column: str = "key"
    identifiers: list[Column] = []  # noqa: RUF012 - Dagster's configuration copies defaults
    truth: str | None = None


@dg.asset(group_name="configured", kinds={"duckdb"}, code_version="3")
@tracked
def enriched_source(config: Source) -> Iterator[dg.Output[ParquetWriting]]:
    """Every row of the configured source with the key of the registry entry it names; in chunks, resumable."""
    wanted = SourceConfig.model_validate(config.model_dump())
    identifiers = identifiers_of(wanted)
    name = () if wanted.name_column is None else (wanted.name_column,)
    named = (*name, *(identifier.column for identifier in identifiers))
    kinds = tuple(dict.fromkeys(identifier.registry_kind for identifier in identifiers))
    check_columns(wanted.registry, (wanted.key_column, *name, *kinds))
    settings = current_settings()
    source = stored_source(wanted.source, named, Path(settings.output_dir) / WORK_DIRECTORY / "sources")
    spec = MatchSpec(
        identifiers, name_column=wanted.name_column, low_confidence_threshold=settings.low_confidence_threshold
    )
    matcher = prepared(Matcher(str(source.path), wanted.registry, spec, wanted.key_column))
    truth = _truth(wanted)
    made = run_chunked(
        "enriched_source",
        rows=source.num_rows,
        inputs={"source": source.path, "registry": Path(wanted.registry)},
        parameters=matcher.parameters,
        make=matcher,
    )
    record_links(made, truth, "enriched_source", matcher.calibration)
    current_span().rows(rows_in=source.num_rows)
    yield dg.Output(made.parquet(MATCH_SCHEMA))
    made.remove()


def _truth(wanted: SourceConfig) -> pa.Table:
    """Return the right answers, none where nobody knows them."""
    if wanted.truth is None:
        return pa.table({"row": pa.array([], pa.int64()), "key": pa.array([], pa.string())})
    return read_truth(wanted.truth, wanted.key_column)
