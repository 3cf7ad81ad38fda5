"""When monitoring alerts, where that is no limit of a metric: these have settings of their own.

Rules:
- Limits of regressions are ``regression.limits`` and those of baseline files, thresholds of quality are those that the
  checks were evaluated with: nothing here repeats them.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_DAY_S = 86_400.0
_YEAR_S = 366 * _DAY_S


class MonitoringSettings(BaseModel):
    """The settings of metrics and alert rules."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    stale_after_s: Annotated[
        float, Field(gt=0.0, le=_YEAR_S, description="Seconds without a success after which a pipeline is stale.")
    ] = 93_600.0
    absent_for_s: Annotated[
        float, Field(gt=0.0, le=7 * _DAY_S, description="Seconds that metrics may be missing before that is alerted.")
    ] = 900.0
    unverified_after_s: Annotated[
        float, Field(gt=0.0, le=_YEAR_S, description="Seconds without a verification of the ledger that are alerted.")
    ] = 172_800.0
    manifest_warning_s: Annotated[
        float, Field(gt=0.0, le=_YEAR_S, description="Seconds before a manifest expires at which that is alerted.")
    ] = 86_400.0
    runbook_url: Annotated[
        str, Field(min_length=1, description="Where docs/runbook.md is published; alerts link to its sections.")
    ] = "docs/runbook.md"
