"""Any source of your own, linked to any registry of your own: files, columns and identifiers come from run config."""

import dagster as dg
import pyarrow as pa

from assets.enrich import enrich
from assets.matching.spec import MatchSpec
from assets.measured import record_quality, record_size, save_report
from assets.quality import score
from assets.sources import (
    SourceConfig,
    identifiers_of,
    read_table,
    read_truth,
    registry_identifiers,
    with_rows,
    with_text,
)
from ledger.dagster import current_settings, current_span, tracked


class Column(dg.Config):
    """An identifier column of the source and its kind."""

    column: str
    kind: str


class Source(dg.Config):
    """Files and columns; see ``assets.sources.SourceConfig``."""

    source: str
    registry: str
    name_column: str = "name"
    key_column: str = "key"
    identifiers: list[Column] = []  # noqa: RUF012 - Dagster's configuration copies defaults
    truth: str | None = None


@dg.asset(group_name="configured", kinds={"duckdb"}, code_version="1")
@tracked
def enriched_source(config: Source) -> pa.Table:
    """Every row of the configured source with the key of the registry entry it names."""
    wanted = SourceConfig.model_validate(config.model_dump())
    identifiers = identifiers_of(wanted)
    named = tuple(identifier.column for identifier in identifiers)
    kinds = tuple(dict.fromkeys(identifier.registry_kind for identifier in identifiers))
    source = with_rows(_texts(wanted.source, (wanted.name_column, *named)), wanted.source)
    registry = _texts(wanted.registry, (wanted.key_column, wanted.name_column, *kinds))
    settings = current_settings()
    names = registry.select([wanted.key_column, wanted.name_column]).rename_columns(["key", "name"])
    spec = MatchSpec(
        identifiers, name_column=wanted.name_column, low_confidence_threshold=settings.low_confidence_threshold
    )
    matches = enrich(
        source,
        names,
        registry_identifiers(registry, wanted.key_column, kinds),
        spec,
        chunk_size=settings.chunk_size,
        progress=current_span().progress,
    )
    report = score(matches, _truth(wanted))
    record_quality(report)
    save_report(report, "enriched_source")
    record_size(matches, rows_in=source.num_rows)
    return matches


def _texts(place: str, columns: tuple[str, ...]) -> pa.Table:
    """Return a file whose named columns are text."""
    return with_text(read_table(place, columns), place, columns)


def _truth(wanted: SourceConfig) -> pa.Table:
    """Return the right answers, none where nobody knows them."""
    if wanted.truth is None:
        return pa.table({"row": pa.array([], pa.int64()), "key": pa.array([], pa.string())})
    return read_truth(wanted.truth, wanted.key_column)
