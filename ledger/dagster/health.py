"""An asset that holds the health of the pipelines: materialise it on a schedule, and look at it in Dagster.

Rules:
- What it shows is a projection of the ledger; it measures nothing itself.
- The check ``healthy`` warns where a job is failing or degraded, and never blocks.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import dagster as dg

from ledger.dagster.report_link import KEY
from ledger.dagster.resource import resource_uri
from ledger.dagster.run_settings import settings_of
from ledger.dagster.session import open_session
from ledger.dagster.step import current_step
from ledger.report.ci.escape import code, text
from ledger.service.overview.health import JobHealth, health
from ledger.service.project.clock import utc_now
from ledger.units import ABSENT, format_value

CHECK: Final = "healthy"
_BAD: Final = frozenset({"failing", "degraded"})
_COLUMNS: Final = ("job", "health", "why", "gate", "runs", "failed", "newest run", "took", "last success (UTC)")
_REASONS: Final = 5


def pipeline_health(
    name: str = "pipeline_health",
    *,
    jobs: Sequence[str] = (),
    last: int = 20,
    group_name: str | None = None,
    ledger_uri: str | None = None,
) -> dg.AssetsDefinition:
    """Return an asset whose metadata is the health of the pipelines, to be put into ``Definitions(assets=...)``.

    Args:
        name: Name of the asset.
        jobs: Only these jobs; all that the ledger knows when empty.
        last: Runs of each job in the window.
        group_name: Group of the asset.
        ledger_uri: Where the ledger is; by resource, environment, configuration or default when ``None``.
    """

    @dg.asset(
        name=name,
        group_name=group_name,
        kinds={"python"},
        description="The health of the pipelines, as the ledger tells it.",
        check_specs=[dg.AssetCheckSpec(CHECK, asset=name, description="No job is failing or degraded.")],
    )
    def pipeline_health_asset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        step = current_step(context)
        tags = step.context.run.tags if step else {}
        uri = ledger_uri or (resource_uri(step.context) if step else None)
        session = open_session(uri, resolved=settings_of(tags))
        found = session.store.consult(
            lambda view: health(
                view,
                utc_now(),
                jobs=jobs,
                last=last,
                but=step.run_id if step else None,
                registry=session.registry,
            )
        )
        bad = [one for one in found if one.word in _BAD]
        said = "; ".join(f"{one.job} is {one.word}" for one in bad) or "every job is healthy"
        yield dg.MaterializeResult(
            metadata=metadata(found, session.resolved.settings.report_url),
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK, passed=not bad, severity=dg.AssetCheckSeverity.WARN, description=said
                )
            ],
        )

    return pipeline_health_asset


def metadata(found: Sequence[JobHealth], report_url: str) -> dict[str, Any]:
    """Return the health as metadata: a table, and counts that Dagster plots over time."""
    told: dict[str, Any] = {
        "ledger/health": dg.MetadataValue.md(_table(found)),
        "ledger/jobs": float(len(found)),
        "ledger/jobs_failing": float(sum(one.word == "failing" for one in found)),
        "ledger/jobs_degraded": float(sum(one.word == "degraded" for one in found)),
        "ledger/runs": float(sum(one.runs for one in found)),
        "ledger/runs_failed": float(sum(one.failed for one in found)),
    }
    return told | ({KEY: dg.MetadataValue.url(report_url)} if report_url else {})


def _table(found: Sequence[JobHealth]) -> str:
    if not found:
        return "The ledger has no runs yet."
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(one))} |" for one in found)])


def _cells(one: JobHealth) -> tuple[str, ...]:
    reasons = "; ".join(one.reasons[:_REASONS])
    more = f"; and {len(one.reasons) - _REASONS} more" if len(one.reasons) > _REASONS else ""
    newest = ABSENT if one.newest_run_id is None else f"{code(one.newest_run_id[:8])} {one.newest_status}"
    success = ABSENT if one.last_success is None else f"{one.last_success:%Y-%m-%d %H:%M}"
    return (
        code(one.job),
        f"**{one.word}**",
        text(f"{reasons}{more}"),
        one.outcome or ABSENT,
        str(one.runs),
        str(one.failed),
        newest,
        format_value(one.newest_duration_s, "s"),
        success,
    )
