"""Settings: the model, and how layers of them are resolved."""

from ledger.settings.layers import SELECTORS, Placed, Resolved, from_words, parse_yaml, resolve
from ledger.settings.limits import SEVERITIES, MetricLimit, Severity, severity_of
from ledger.settings.model import Settings
from ledger.settings.monitoring import MonitoringSettings
from ledger.settings.regression import RegressionSettings

__all__ = [
    "SELECTORS",
    "SEVERITIES",
    "MetricLimit",
    "MonitoringSettings",
    "Placed",
    "RegressionSettings",
    "Resolved",
    "Settings",
    "Severity",
    "from_words",
    "parse_yaml",
    "resolve",
    "severity_of",
]
