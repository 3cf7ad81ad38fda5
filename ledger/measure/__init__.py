"""Measuring: time, CPU, memory, the machine. The only place that uses psutil."""

from ledger.measure.environment import Environment, available_cores, environment
from ledger.measure.identity import Liveness, ProcessIdentity, current_process, liveness
from ledger.measure.memory import exact_peak_possible
from ledger.measure.meter import Measurement, Meter
from ledger.measure.probe import PROBE_VERSION, run_probe
from ledger.measure.unused import give_back_unused

__all__ = [
    "PROBE_VERSION",
    "Environment",
    "Liveness",
    "Measurement",
    "Meter",
    "ProcessIdentity",
    "available_cores",
    "current_process",
    "environment",
    "exact_peak_possible",
    "give_back_unused",
    "liveness",
    "run_probe",
]
