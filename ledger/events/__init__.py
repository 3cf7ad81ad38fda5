"""The events a ledger holds, and the registry from stored name to class.

Rules:
- The registry is written out by hand; every entry has a golden file per version under ``tests/golden/events``.
- To change an event: raise its ``VERSION``, add an upcaster for the old one, keep the old golden file.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.events.asset import (
    AssetFailed,
    AssetFinished,
    AssetHeartbeat,
    AssetLost,
    AssetStarted,
    EnvironmentRecorded,
)
from ledger.events.base import Event, Json, RecordedEvent, StreamId, UnknownEvent, asset_stream, run_stream
from ledger.events.change import ChangePointFound, ChangePointWithdrawn
from ledger.events.chunk import ChunkCompleted, ChunkFailed, ChunksAdapted, ChunksResumed
from ledger.events.gate import AssetBlocked, GateOverridden
from ledger.events.judgement import AlertRaised, CheckEvaluated
from ledger.events.manifest import ManifestSigned
from ledger.events.measurement import BreakdownMeasured, MetricMeasured, ProgressReported
from ledger.events.notice import AlertAcknowledged, NoticeFailed, NoticeSent
from ledger.events.run import ConfigurationResolved, MaterializationImported, RunFinished, RunImported, RunStarted
from ledger.events.smoke import SmokeTested
from ledger.events.verdict import VerdictReached

KINDS: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {
        "run_started": RunStarted,
        "run_imported": RunImported,
        "materialization_imported": MaterializationImported,
        "run_finished": RunFinished,
        "configuration_resolved": ConfigurationResolved,
        "asset_started": AssetStarted,
        "environment_recorded": EnvironmentRecorded,
        "asset_heartbeat": AssetHeartbeat,
        "asset_finished": AssetFinished,
        "asset_failed": AssetFailed,
        "asset_lost": AssetLost,
        "metric_measured": MetricMeasured,
        "breakdown_measured": BreakdownMeasured,
        "progress_reported": ProgressReported,
        "chunks_resumed": ChunksResumed,
        "chunk_completed": ChunkCompleted,
        "chunk_failed": ChunkFailed,
        "chunks_adapted": ChunksAdapted,
        "change_point_found": ChangePointFound,
        "change_point_withdrawn": ChangePointWithdrawn,
        "check_evaluated": CheckEvaluated,
        "alert_raised": AlertRaised,
        "asset_blocked": AssetBlocked,
        "gate_overridden": GateOverridden,
        "alert_acknowledged": AlertAcknowledged,
        "notice_sent": NoticeSent,
        "notice_failed": NoticeFailed,
        "smoke_tested": SmokeTested,
        "verdict_reached": VerdictReached,
        "manifest_signed": ManifestSigned,
    }
)

END_KINDS: Final = ("asset_finished", "asset_failed", "asset_lost")

__all__ = [
    "END_KINDS",
    "KINDS",
    "AlertAcknowledged",
    "AlertRaised",
    "AssetBlocked",
    "AssetFailed",
    "AssetFinished",
    "AssetHeartbeat",
    "AssetLost",
    "AssetStarted",
    "BreakdownMeasured",
    "ChangePointFound",
    "ChangePointWithdrawn",
    "CheckEvaluated",
    "ChunkCompleted",
    "ChunkFailed",
    "ChunksAdapted",
    "ChunksResumed",
    "ConfigurationResolved",
    "EnvironmentRecorded",
    "Event",
    "GateOverridden",
    "Json",
    "ManifestSigned",
    "MaterializationImported",
    "MetricMeasured",
    "NoticeFailed",
    "NoticeSent",
    "ProgressReported",
    "RecordedEvent",
    "RunFinished",
    "RunImported",
    "RunStarted",
    "SmokeTested",
    "StreamId",
    "UnknownEvent",
    "VerdictReached",
    "asset_stream",
    "run_stream",
]
