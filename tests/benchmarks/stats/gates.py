"""Simulated gates put to the judge: comparisons out of noise, and what is counted on the findings."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from ledger.stats import Comparison, Observations, assess
from ledger.verdict import verdict_of
from tests.benchmarks.stats.noise import ORDINARY, gate

METRICS = 150
SEEDS = {"tuning": 1, "report": 7919, "tests": 104729}
"""Constants were chosen on ``tuning`` alone; what is published comes from ``report``, whose streams never meet it."""


def generator(seed_set, *place):
    return np.random.default_rng([SEEDS[seed_set], *place])


@dataclass
class Tally:
    """Counts over gates of one kind."""

    gates: int = 0
    alarmed_gates: int = 0
    outcomes: Counter = field(default_factory=Counter)
    states: Counter = field(default_factory=Counter)
    covered: int = 0
    intervals: int = 0
    peers: Counter = field(default_factory=Counter)
    peer_gates: Counter = field(default_factory=Counter)
    metrics: int = 0

    def share(self, state):
        return self.states[state] / self.metrics


@dataclass(frozen=True)
class Scene:
    """What is unusual about a gate: how slow its machine is, and whether a probe tells; which kind its metrics are."""

    probed: bool = False
    machine: float = 1.0
    kind: str = "time"


PLAIN = Scene()
STEADY = Scene(probed=True)


TYPICAL = {"time": 10.0, "memory": 256.0 * 2**20}


def observations(values, side, kind, probe=None):
    """Return one run per column; a value is around ten seconds or 256 MiB, far above the shipped floors."""
    runs = tuple(f"{side}{run}" for run in range(len(values)))
    return Observations(
        values=tuple(TYPICAL[kind] * float(value) for value in np.exp(values)),
        run_ids=runs,
        probe_s=() if probe is None else tuple(float(seconds) for seconds in probe),
    )


def comparisons(made, factor, changed, *, probes=None, kind="time"):
    """Return the gate's comparisons; the first ``changed`` metrics are worse by ``factor``."""
    found = []
    for metric in range(len(made.baseline)):
        shift = np.log(factor) if metric < changed else 0.0
        found.append(
            Comparison(
                asset=f"asset_{metric}",
                metric="duration_s" if kind == "time" else "peak_increase_bytes",
                kind=kind,
                direction="lower_is_better",
                unit="s" if kind == "time" else "bytes",
                baseline=observations(made.baseline[metric], "b", kind, None if probes is None else probes[0]),
                candidate=observations(
                    made.candidate[metric] + shift, "c", kind, None if probes is None else probes[1]
                ),
            )
        )
    return found


def tally(
    seed_set, stream, gates, design, factor=1.0, changed=0, *, mixture=ORDINARY, flat=False, peers=None, scene=PLAIN
):
    """Judge simulated gates.

    Counted over the changed metrics where there are any, otherwise over all. In a ``STEADY`` scene a machine probe is
    recorded that does not move, without which a gate in which everything is slower is inconclusive, as it should be.
    """
    result = Tally()
    n_baseline, n_candidate = design
    for number in range(gates):
        rng = generator(seed_set, stream, number, n_baseline, n_candidate)
        made = gate(rng, METRICS, n_baseline, n_candidate, mixture, flat=flat)
        probes = [0.03 * np.exp(0.01 * rng.standard_normal(runs)) for runs in design]
        probes[1] *= scene.machine
        made = replace(made, candidate=made.candidate + np.log(scene.machine))
        assessment = assess(
            comparisons(made, factor, changed, probes=probes if scene.probed else None, kind=scene.kind)
        )
        looked = assessment.findings[: changed or METRICS]
        result.gates += 1
        result.metrics += len(looked)
        result.states.update(finding.state for finding in looked)
        result.alarmed_gates += any(finding.state == "regressed" for finding in looked)
        result.outcomes[verdict_of(assessment).outcome] += 1
        intervals = [finding.interval for finding in looked if finding.interval is not None]
        result.intervals += len(intervals)
        result.covered += sum(low <= factor - 1.0 <= high for low, high in intervals)
        for name, flags in (peers or {}).items():
            shifts = np.where(np.arange(METRICS) < changed, np.log(factor), 0.0)[:, None]
            flagged = flags(np.exp(made.baseline), np.exp(made.candidate + shifts))[: changed or METRICS]
            result.peers[name] += int(flagged.sum())
            result.peer_gates[name] += bool(flagged.any())
    return result
