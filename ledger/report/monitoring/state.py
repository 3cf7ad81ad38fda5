"""What is exported: the standings of a ledger, how they compare with what was accepted, and whether it can be believed.

Records only: ``ledger.service.monitoring`` fills them, ``ledger.report.monitoring.exposition`` writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.projections.latest import AssetState, Standings


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric of an asset's newest success, held against what was accepted for it.

    Attributes:
        metric: Its name.
        accepted: Accepted median in the base unit.
        ratio: How much worse than that: relative, but absolute for quality; below zero is better. Infinite where worse
            than an accepted zero, ``None`` where the two may not be compared.
        lower_ratio: The same against the worst accepted value.
    """

    metric: str
    accepted: float
    ratio: float | None = None
    lower_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Integrity:
    """Whether a ledger is what was appended.

    Attributes:
        ok: What the newest look said, ``None`` before the first.
        verified: When the whole ledger was verified last, UTC.
    """

    ok: bool | None = None
    verified: datetime | None = None


@dataclass(frozen=True, slots=True)
class AssetFigures:
    """An asset as it is exported.

    Attributes:
        state: Its standing.
        profile: Kind of machine it was made on, ``None`` where that was not recorded.
        comparable: Whether its newest success may be held against a baseline file, ``None`` where it never succeeded.
        compared: Its metrics that have one.
    """

    state: AssetState
    profile: str | None = None
    comparable: bool | None = None
    compared: tuple[Compared, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything that is exported.

    Attributes:
        at: The moment, UTC: whether a manifest has expired depends on it.
        integrity: Whether the ledger is to be believed.
        assets: The assets.
        standings: Checks and manifests; ``None`` where the ledger could not be read.
        quality: The quality ratios by name, and whether a larger one is better.
    """

    at: datetime
    integrity: Integrity = field(default_factory=Integrity)
    assets: tuple[AssetFigures, ...] = ()
    standings: Standings | None = None
    quality: Mapping[str, bool] = field(default_factory=dict)
