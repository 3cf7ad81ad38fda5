"""The gate's operating figures beside its goals and its peers, as Markdown.

``python -m tests.benchmarks.stats.gate [--quick] [--seed-set report|tuning] [--gates N]``
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.stats.gates import METRICS, PLAIN, STEADY, Scene, tally
from tests.benchmarks.stats.noise import HARSH, MEMORY, ORDINARY
from tests.benchmarks.stats.peers import PEERS

POWER_GOALS = {
    (10, 5): {1.15: 0.80, 1.20: 0.90, 1.30: 0.97},
    (20, 5): {1.15: 0.83, 1.20: 0.92, 1.30: 0.98},
    (20, 10): {1.15: 0.86, 1.20: 0.94, 1.30: 0.99},
}
FEW = 5


@dataclass(frozen=True)
class Row:
    """One figure beside its goal, and on which side of it the figure has to be."""

    what: str
    goal: float
    side: str
    measured: float
    n: int

    def line(self):
        error = np.sqrt(max(self.measured * (1.0 - self.measured), 0.25 / self.n) / self.n)
        fine = self.measured >= self.goal if self.side == "≥" else self.measured <= self.goal
        verdict = "met" if fine else "missed"
        return f"| {self.what} | {self.side} {self.goal:g} | {self.measured:.4f} ± {error:.4f} | {verdict} |"


def power(seeds, gates, design, shape):
    """Rows of the power goals of one design."""
    rows, peers = [], {}
    for stream, (factor, goal) in enumerate(POWER_GOALS[design].items(), 10):
        for changed, times in ((METRICS, 1), (FEW, 2)):
            found = tally(
                seeds,
                stream + 10 * (changed == FEW),
                gates * times,
                design,
                factor,
                changed,
                peers=PEERS if changed == FEW else None,
                scene=STEADY if changed == METRICS else PLAIN,
            )
            label = f"{shape}: +{factor - 1:.0%} found, {changed} of {METRICS} changed"
            # Metrics of one gate share their prior, so the gate is the unit of the error where all are changed.
            rows.append(Row(label, goal, "≥", found.share("regressed"), found.metrics))
            if changed == FEW:
                peers[factor] = {name: count / found.metrics for name, count in found.peers.items()}
                peers[factor]["this gate"] = found.share("regressed")
            if changed == FEW and factor == 1.20:
                rows.append(
                    Row(
                        f"{shape}: gates with +20 % in {FEW} of {METRICS} that exit 1",
                        0.90,
                        "≥",
                        found.outcomes["FAIL"] / found.gates,
                        found.gates,
                    )
                )
    return rows, peers


def unchanged(seeds, gates, design, shape):
    """Rows of gates without a regression, or with one at or below the limit."""
    clean = tally(seeds, 1, gates * 8, design, peers=PEERS)
    small = tally(seeds, 2, gates, design, 1.05, METRICS, scene=STEADY)
    limit = tally(seeds, 3, gates, design, 1.10, METRICS, scene=STEADY)
    passed = clean.outcomes["PASS"] + clean.outcomes["WARN"]
    rows = [
        Row(f"{shape}: clean gates with a false alarm", 0.04, "≤", clean.alarmed_gates / clean.gates, clean.gates),
        Row(f"{shape}: clean gates that exit 0", 0.90, "≥", passed / clean.gates, clean.gates),
        Row(f"{shape}: +5 % flagged", 0.02, "≤", small.share("regressed"), small.metrics),
        Row(f"{shape}: +10 % certified ok", 0.05, "≤", limit.share("ok"), limit.metrics),
        Row(f"{shape}: intervals that cover, no change", 0.94, "≥", clean.covered / clean.intervals, clean.intervals),
        Row(f"{shape}: intervals that cover, +10 %", 0.94, "≥", limit.covered / limit.intervals, limit.intervals),
        Row(f"{shape}: clean metrics certified ok (no goal)", 0.0, "≥", clean.share("ok"), clean.metrics),
    ]
    alarms = {name: count / clean.gates for name, count in clean.peer_gates.items()}
    alarms["this gate"] = clean.alarmed_gates / clean.gates
    return rows, alarms


def single(seeds, gates):
    """Rows of gates with one candidate run."""
    clean = tally(seeds, 4, gates, (20, 1))
    limit = tally(seeds, 5, gates, (20, 1), 1.10, METRICS)
    return [
        Row("20x1: clean gates with a false alarm", 0.05, "≤", clean.alarmed_gates / clean.gates, clean.gates),
        Row("20x1: +10 % certified ok", 0.0, "≤", limit.share("ok"), limit.metrics),
    ]


def elsewhere(seeds, gates):
    """Rows of slow machines and of memory."""
    rows = []
    for stream, (machine, probed) in enumerate(((1.15, True), (1.15, False), (1.08, False)), 80):
        scene = Scene(probed=probed, machine=machine)
        said = f"20x5, machine {machine - 1:.0%} slower, {'with' if probed else 'without'} a probe"
        clean = tally(seeds, stream, gates, (20, 5), scene=scene)
        slow = tally(seeds, stream + 10, gates, (20, 5), 1.20, FEW, scene=scene)
        rows.append(Row(f"{said}: unchanged assets flagged", 0.001, "≤", clean.share("regressed"), clean.metrics))
        rows.append(Row(f"{said}: +20 % on top found in {FEW}", 0.88, "≥", slow.share("regressed"), slow.metrics))
    memory = Scene(kind="memory")
    clean = tally(seeds, 100, gates, (20, 5), mixture=MEMORY, scene=memory)
    more = tally(seeds, 101, gates, (20, 5), 1.30, FEW, mixture=MEMORY, scene=memory)
    rows.append(
        Row(
            "20x5, quantised memory: clean gates with a false alarm",
            0.04,
            "≤",
            clean.alarmed_gates / clean.gates,
            clean.gates,
        )
    )
    rows.append(Row(f"20x5, quantised memory: +30 % found in {FEW}", 0.97, "≥", more.share("regressed"), more.metrics))
    return rows


def harsh(seeds, gates):
    """Rows of families the rules were not written for, a tenth of the metrics each; no goal, for information."""
    rows = []
    for stream, maker in enumerate(HARSH, 60):
        mixture = {**{kind: 0.9 * weight for kind, weight in ORDINARY.items()}, maker: 0.1}
        found = tally(seeds, stream, gates, (20, 5), mixture=mixture)
        rows.append(
            Row(
                f"20x5, a tenth {maker.__name__}: clean gates with a false alarm",
                0.04,
                "≤",
                found.alarmed_gates / found.gates,
                found.gates,
            )
        )
    flat = tally(seeds, 70, gates, (20, 5), flat=True)
    rows.append(
        Row(
            "20x5, CV flat over 2 to 12 %: clean gates with a false alarm",
            0.04,
            "≤",
            flat.alarmed_gates / flat.gates,
            flat.gates,
        )
    )
    return rows


def report(seeds, gates, out=sys.stdout):
    """Write the report."""
    out.write(f"Seeds: {seeds}. Gates of {METRICS} metrics; ± is one standard error.\n\n")
    out.write("| figure | goal | measured | |\n|---|---|---|---|\n")
    tables = {}
    for design in POWER_GOALS:
        shape = f"{design[0]}x{design[1]}"
        rows, alarms = unchanged(seeds, gates, design, shape)
        more, found = power(seeds, gates, design, shape)
        tables[shape] = (alarms, found)
        out.writelines(row.line() + "\n" for row in rows + more)
        out.flush()
    out.writelines(
        row.line() + "\n" for row in single(seeds, gates) + elsewhere(seeds, gates) + harsh(seeds, 2 * gates)
    )
    for shape, (alarms, found) in tables.items():
        out.write(f"\n{shape}, {FEW} of {METRICS} changed:\n\n| rule | clean gates with an alarm |")
        out.write(
            "".join(f" +{factor - 1:.0%} found |" for factor in found) + "\n|---|---|" + "---|" * len(found) + "\n"
        )
        for name in ["this gate", *PEERS]:
            cells = "".join(f" {found[factor][name]:.2f} |" for factor in found)
            out.write(f"| {name} | {alarms[name]:.3f} |{cells}\n")


def main():
    """Parse the command line and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the gates")
    parser.add_argument("--seed-set", choices=("report", "tuning"), default="report")
    parser.add_argument("--gates", type=int, default=40)
    asked = parser.parse_args()
    report(asked.seed_set, max(2, asked.gates // 20) if asked.quick else asked.gates)


if __name__ == "__main__":
    main()
