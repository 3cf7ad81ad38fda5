"""Generated federal awards, linked to a generated registry over UEI, DUNS and CAGE: the same cascade at any size."""

import dagster as dg
import pyarrow as pa

from assets.generate import generate
from assets.matcher import Matcher
from assets.matching.match import MATCH_SCHEMA
from assets.matching.spec import Identifier, MatchSpec
from assets.measured import record_links
from assets.preparing import prepared
from assets.stored import StoredTable
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.chunked import run_chunked
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


@dg.asset(group_name=GROUP, kinds={"duckdb"}, code_version="4", check_specs=_CHECKS.specs)
@tracked
def enriched_awards(awards: StoredTable, award_registry: StoredTable, award_truth: pa.Table) -> Results:
    """Every award with the company it names: UEI, DUNS, CAGE, exact name, similar name; in chunks, resumable."""
    spec = MatchSpec(_IDENTIFIERS, low_confidence_threshold=current_settings().low_confidence_threshold)
    matcher = prepared(Matcher(str(awards.path), str(award_registry.path), spec))
    made = run_chunked(
        "enriched_awards",
        rows=awards.num_rows,
        inputs={"awards": awards.path, "award_registry": award_registry.path},
        parameters=matcher.parameters,
        make=matcher,
    )
    numbered = record_links(made, award_truth, "enriched_awards", matcher.calibration)
    current_span().rows(rows_in=awards.num_rows)
    checked = _CHECKS.evaluate(numbered)
    yield dg.Output(made.parquet(MATCH_SCHEMA))
    yield from checked
    made.remove()
