"""What alert rules are made of: the limits of the settings and of the baseline files, each where it was written.

Records only: ``ledger.service.monitoring.policy`` fills them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["time", "memory", "rate", "quality", "count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimit:
    """The tolerated worsening that a baseline file has for one metric of one asset on one kind of machine."""

    asset: str
    profile: str
    metric: str
    kind: Kind
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The largest or the smallest value of a metric that is still well.

    Attributes:
        metric: Its name.
        bound: The value, not zero, in the base unit.
        is_largest: Whether it is the largest, rather than the smallest.
        asset: Asset it holds for; ``None`` for all but ``except_assets``.
        except_assets: Assets that have a bound of their own.
    """

    metric: str
    bound: float
    is_largest: bool
    asset: str | None = None
    except_assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """When what is alerted.

    Attributes:
        metrics: Metrics that are judged, by kind.
        limits: Largest tolerated worsening of each kind.
        own_limits: Limits of single metrics, in place of these.
        error_from: Multiple of the limit from which a regression is an error.
        critical_from: The same for critical.
        quality: Quality ratios, and whether a larger one is better.
        bounds: Bounds of values.
        error_breach: Size of a breach of a bound or threshold, relative to it, from which it is an error.
        critical_breach: The same for critical.
        stale_after_s: Seconds without a success after which a pipeline is stale.
        absent_for_s: Seconds that metrics may be missing.
        unverified_after_s: Seconds without a verification of the ledger that are alerted.
        manifest_warning_s: Seconds before a manifest expires at which that is alerted.
        runbook_url: Address whose sections are the alerts.
    """

    metrics: Mapping[Kind, tuple[str, ...]]
    limits: Mapping[Kind, float]
    own_limits: tuple[OwnLimit, ...] = ()
    error_from: float
    critical_from: float
    quality: Mapping[str, bool] = field(default_factory=dict)
    bounds: tuple[Bound, ...] = ()
    error_breach: float
    critical_breach: float
    stale_after_s: float
    absent_for_s: float
    unverified_after_s: float
    manifest_warning_s: float
    runbook_url: str
