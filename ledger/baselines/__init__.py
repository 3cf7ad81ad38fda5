"""Accepted measurements as files that are reviewed like code. Pure: text in, records out; who calls does the I/O."""

from ledger.baselines.changing import EntryChange, GivenUp, changes
from ledger.baselines.drift import Allowance
from ledger.baselines.errors import BaselineAlteredError, BaselineFormatError
from ledger.baselines.loosening import Loosening, loosenings
from ledger.baselines.model import (
    CHANGE_KINDS,
    SCHEMA_VERSION,
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Change,
    Checkpoint,
    MetricBaseline,
    rounded,
    size_class_of,
)
from ledger.baselines.names import profile_name, relative_path
from ledger.baselines.reading import read
from ledger.baselines.recompute import Discrepancy, RunFacts, accepted_sample, recompute
from ledger.baselines.review import Allowed, Refused
from ledger.baselines.waiver import SignedWaiver, WaivedChange, Waiver
from ledger.baselines.writing import entry_digest, write

SCHEMA_FILE = "schema.json"
"""JSON Schema (2020-12) of a baseline file, beside this module: ``importlib.resources`` finds it."""


__all__ = [
    "CHANGE_KINDS",
    "SCHEMA_FILE",
    "SCHEMA_VERSION",
    "AcceptedRun",
    "AcceptedSample",
    "Allowance",
    "Allowed",
    "Baseline",
    "BaselineAlteredError",
    "BaselineFormatError",
    "Change",
    "Checkpoint",
    "Discrepancy",
    "EntryChange",
    "GivenUp",
    "Loosening",
    "MetricBaseline",
    "Refused",
    "RunFacts",
    "SignedWaiver",
    "WaivedChange",
    "Waiver",
    "accepted_sample",
    "changes",
    "entry_digest",
    "loosenings",
    "profile_name",
    "read",
    "recompute",
    "relative_path",
    "rounded",
    "size_class_of",
    "write",
]
