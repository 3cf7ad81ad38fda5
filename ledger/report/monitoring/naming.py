"""The metrics by name: what each means, its labels, and how the names that others chose become values of labels.

Rules:
- Labels are pipeline, asset, metric, profile and what tells checks and environments apart. Never a run or a partition,
  which there is no end of, and never ``job`` or ``instance``, which a scrape sets itself.
- Two names never become one label value, and each is on one line, without anything invisible and of bounded length.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.report.text import printable

LONGEST_LABEL: Final = 200
"""Characters of a label value; a longer name is cut and told apart by its digest."""

UNKNOWN: Final = "unknown"
"""Pipeline or profile that nobody recorded."""

_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as monitoring knows it.

    Attributes:
        name: Its name.
        labels: Names of its labels.
        meaning: One sentence.
        unit: Unit that the name ends with, empty for none.
    """

    name: str
    labels: tuple[str, ...]
    meaning: str
    unit: str = ""


_OF_ASSET: Final = ("pipeline", "asset")
_MEASURED: Final = (*_OF_ASSET, "profile")
_COMPARED: Final = (*_OF_ASSET, "metric", "profile")

DURATION: Final = Family(
    "dagster_ledger_asset_duration_seconds", _MEASURED, "Wall time of the asset's newest success.", "seconds"
)
PEAK: Final = Family(
    "dagster_ledger_asset_peak_memory_bytes", _MEASURED, "Peak resident memory of the asset's newest success.", "bytes"
)
RATE: Final = Family(
    "dagster_ledger_asset_records_per_second", _MEASURED, "Rows a second of the asset's newest success."
)
QUALITY: Final = Family(
    "dagster_ledger_quality_ratio", _COMPARED, "A quality ratio of the asset's newest success.", "ratio"
)
THRESHOLD: Final = Family(
    "dagster_ledger_quality_threshold_ratio",
    (*_OF_ASSET, "metric"),
    "Strictest threshold that a check held this ratio against.",
    "ratio",
)
BASELINE: Final = Family(
    "dagster_ledger_baseline", _COMPARED, "Accepted median of the baseline file, in the metric's base unit."
)
REGRESSION: Final = Family(
    "dagster_ledger_regression_ratio",
    _COMPARED,
    "How much worse the newest success is than the accepted median: 0.12 is 12 %, of quality 12 points.",
    "ratio",
)
REGRESSION_LOWER: Final = Family(
    "dagster_ledger_regression_lower_ratio",
    _COMPARED,
    "The same against the worst of the accepted values: what chance does not explain.",
    "ratio",
)
COMPARABLE: Final = Family(
    "dagster_ledger_baseline_comparable",
    _MEASURED,
    "1 where the newest success may be held against the baseline file, 0 where there is none or it is of another kind.",
)
CHECK: Final = Family(
    "dagster_ledger_check_status", (*_OF_ASSET, "check", "severity"), "1 where the check passed last time, 0 otherwise."
)
ASSET_OK: Final = Family(
    "dagster_ledger_asset_ok", _OF_ASSET, "1 where the newest attempt that ended succeeded, 0 otherwise."
)
BLOCKED: Final = Family(
    "dagster_ledger_blocked_assets", ("pipeline",), "Assets that a closed gate keeps from being made."
)
LAST_SUCCESS: Final = Family(
    "dagster_ledger_last_success_timestamp_seconds", _OF_ASSET, "When the asset was made last.", "seconds"
)
INTEGRITY: Final = Family(
    "dagster_ledger_integrity_ok", (), "1 where the ledger is what was appended, 0 where it was altered or damaged."
)
VERIFIED: Final = Family(
    "dagster_ledger_verified_timestamp_seconds", (), "When the whole ledger was verified last.", "seconds"
)
READY: Final = Family(
    "dagster_ledger_deployment_ready", ("environment",), "1 while the newest accepted readiness manifest is valid."
)
EXPIRY: Final = Family(
    "dagster_ledger_manifest_expiry_timestamp_seconds",
    ("environment",),
    "When the newest accepted readiness manifest expires.",
    "seconds",
)

FAMILIES: Final[Mapping[str, Family]] = {
    family.name: family
    for family in (
        DURATION,
        PEAK,
        RATE,
        QUALITY,
        THRESHOLD,
        BASELINE,
        REGRESSION,
        REGRESSION_LOWER,
        COMPARABLE,
        CHECK,
        ASSET_OK,
        BLOCKED,
        LAST_SUCCESS,
        INTEGRITY,
        VERIFIED,
        READY,
        EXPIRY,
    )
}
"""Every metric, in the order it is written in."""

OF_METRIC: Final[Mapping[str, Family]] = {
    "duration_s": DURATION,
    "peak_rss_bytes": PEAK,
    "records_per_s": RATE,
}
"""Metric of the ledger to the family that its values are in; ratios of quality are all in ``QUALITY``."""


@lru_cache(maxsize=4096)
def label(name: str | None) -> str:
    """Return a name as the value of a label: printable, bounded, and never the same for two names.

    The same few names are asked for at every scrape, so they are remembered.
    """
    if name is None:
        return UNKNOWN
    shown = printable(name.replace("\\", "\\\\"))
    if len(shown) <= LONGEST_LABEL:
        return shown
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{shown[: LONGEST_LABEL - _DIGITS - 1]}…{digest}"
