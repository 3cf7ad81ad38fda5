"""The readiness checklist: items as functions of facts; no I/O and no clock."""

from ledger.checklist.facts import Facts
from ledger.checklist.items import CRITICAL, ITEMS, Item
from ledger.checklist.judging import Assessment, ItemResult, judge

__all__ = ["CRITICAL", "ITEMS", "Assessment", "Facts", "Item", "ItemResult", "judge"]
