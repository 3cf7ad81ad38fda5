"""A calibration for people: how often the gate cries wolf, then metric by metric how small a limit it can hold."""

from typing import Final, TextIO

import pyarrow as pa

from ledger.report import table
from ledger.report.calibration import Calibration, MetricNoise, Rate, Replays
from ledger.report.columns import Column
from ledger.report.text import printable
from ledger.units import COUNT

_WAYS: Final = {
    "random": "runs split at random",
    "in_order": "candidates after their baseline (drift and real changes count as alarms here)",
}


def write(calibration: Calibration, out: TextIO, *, columns_wide: int = 120) -> None:
    """Write the calibration.

    Args:
        calibration: What is told.
        out: Where to.
        columns_wide: Cells of the terminal.
    """
    runs = f"{calibration.baseline_runs}x{calibration.candidate_runs}"
    out.write(
        printable(
            f"{calibration.comparable_runs} comparable runs of {calibration.job or 'an unknown job'}"
            f" ({calibration.other_runs} others left out), gates of {runs} runs, seed {calibration.seed}"
        )
        + "\n\n"
    )
    for replays in calibration.replays:
        _write_replays(replays, out)
    number = calibration.independent_gates
    out.write(
        f"the replays share runs: the history holds {number} gate{'' if number == 1 else 's'} that share none, and an"
        " interval cannot be surer than these\n\n"
    )
    if calibration.metrics:
        table.write(_table(calibration), _columns(calibration), out, columns_wide=columns_wide)
        out.write(
            "\nheld: the limit below which four of five gates certify an unchanged metric, at baseline x candidate"
            "\nruns; runs for: runs on each side from which that limit is held."
            "\nQuality in absolute terms, all others relative.\n"
        )


def _write_replays(replays: Replays, out: TextIO) -> None:
    rates = (
        ("any metric regressed", replays.alarms),
        ("verdict FAIL", replays.failures),
        ("verdict INCONCLUSIVE", replays.undecided),
        ("of single comparisons regressed", replays.tests),
    )
    out.write(f"{replays.gates} gates, {_WAYS[replays.way]}\n")
    out.writelines(f"  {_rate(rate):28} {name}\n" for name, rate in rates)


def _rate(rate: Rate) -> str:
    if rate.ratio is None or rate.interval is None:
        return "nothing to count"
    return f"{rate.ratio:7.2%} [{rate.interval[0]:.2%}, {rate.interval[1]:.2%}]"


def _columns(calibration: Calibration) -> tuple[Column, ...]:
    first = calibration.metrics[0]
    partitioned = any(metric.partition is not None for metric in calibration.metrics)
    return (
        Column("asset", "asset"),
        *((Column("partition", "partition", rank=5),) if partitioned else ()),
        Column("metric", "metric"),
        Column("runs", "runs", COUNT, rank=6),
        Column("cv", "CV", rank=1),
        Column("robust_cv", "robust", rank=4),
        Column("alarms", "alarms", rank=2),
        *(Column(f"held {size}", f"held {size}", rank=0 if at == 0 else 3) for at, size in enumerate(first.held)),
        *(Column(f"runs {limit}", f"runs for {float(limit):.0%}", rank=2) for limit in first.needed_runs),
    )


def _table(calibration: Calibration) -> pa.Table:
    names = [column.name for column in _columns(calibration)]
    schema = pa.schema([(name, pa.int64() if name == "runs" else pa.string()) for name in names])
    return pa.Table.from_pylist([_row(metric) for metric in calibration.metrics], schema=schema)


def _row(metric: MetricNoise) -> dict[str, object]:
    return {
        "asset": metric.asset,
        "partition": metric.partition,
        "metric": metric.metric,
        "runs": metric.runs,
        "cv": _share(metric.cv),
        "robust_cv": _share(metric.robust_cv),
        "alarms": _share(metric.alarms.ratio),
        **{f"held {size}": _share(limit) for size, limit in metric.held.items()},
        **{f"runs {limit}": None if runs is None else str(runs) for limit, runs in metric.needed_runs.items()},
    }


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
