"""Settings: the model, and how layers of them are resolved."""

from ledger.settings.layers import Placed, Resolved, parse_yaml, resolve
from ledger.settings.model import Settings

__all__ = ["Placed", "Resolved", "Settings", "parse_yaml", "resolve"]
