"""Generated federal awards, linked to a generated registry over UEI, DUNS and CAGE: the same cascade at any size."""

import dagster as dg
import pyarrow as pa

from assets.enrich import enrich
from assets.generate import generate
from assets.matching.spec import Identifier, MatchSpec
from assets.measured import record_quality, record_size, save_report
from assets.quality import score
from assets.sources import registry_identifiers
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.gates import QualityChecks, Results, at_least, unique

GROUP = "awards"
_IDENTIFIERS = tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage"))


class Sizes(dg.Config):
    """How much is generated."""

    awards: int = 5_000
    registry: int = 20_000
    seed: int = 1


@dg.multi_asset(
    outs={
        name: dg.AssetOut(key=name, group_name=GROUP, description=text, kinds={"parquet"})
        for name, text in (
            ("awards", "Generated awards with dirty names and identifiers."),
            ("award_registry", "Generated companies that awards may name."),
            ("award_truth", "Which company each award really names; only scoring reads it."),
        )
    }
)
@tracked
def generated_awards(config: Sizes) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Awards, registry and truth from one seed."""
    made = generate(config.awards, config.registry, config.seed)
    return made.awards, made.registry, made.truth


_CHECKS = QualityChecks(
    "enriched_awards",
    at_least("match_rate", "match_rate_threshold"),
    at_least("precision", "precision_threshold"),
    unique("row"),
    at_least("recall", "recall_threshold", blocking=False),
)


@dg.asset(group_name=GROUP, kinds={"duckdb"}, code_version="2", check_specs=_CHECKS.specs)
@tracked
def enriched_awards(awards: pa.Table, award_registry: pa.Table, award_truth: pa.Table) -> Results:
    """Every award with the company it names: UEI, DUNS, CAGE, exact name, similar name."""
    settings = current_settings()
    matches = enrich(
        awards,
        award_registry.select(["key", "name"]),
        registry_identifiers(award_registry, "key", ("uei", "duns", "cage")),
        MatchSpec(_IDENTIFIERS, low_confidence_threshold=settings.low_confidence_threshold),
        chunk_size=settings.chunk_size,
        progress=current_span().progress,
    )
    report = score(matches, award_truth)
    record_quality(report)
    save_report(report, "enriched_awards")
    record_size(matches, rows_in=awards.num_rows)
    yield from _CHECKS.results(matches)
