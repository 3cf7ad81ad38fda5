"""The Dagster integration: track assets, launch runs, read evidence from Dagster's event log.

``@tracked`` goes under ``@dg.asset``; ``track_definitions`` tracks a whole ``Definitions`` in one line.
"""

from ledger.dagster.resource import LedgerResource
from ledger.dagster.rewrap import track_definitions
from ledger.dagster.span import current_settings, current_span, tracked_span
from ledger.dagster.tracked import tracked

__all__ = ["LedgerResource", "current_settings", "current_span", "track_definitions", "tracked", "tracked_span"]
