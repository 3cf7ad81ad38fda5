"""Reports made by hand: of any size, with every part, and with names that try to break out."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np

from ledger.checklist import Assessment, Facts
from ledger.checklist.judging import ItemResult
from ledger.report.overview import Accepted, Chart, GateSection, Mark, Overview, ReadinessSection, RunRow
from ledger.report.trends import Change, SeriesTrend
from tests.report.answers import every_state

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = {
    "duration_s": ("s", "lower_is_better", 10.0),
    "cpu_s": ("s", "lower_is_better", 8.0),
    "peak_rss_bytes": ("bytes", "lower_is_better", 3.0e8),
    "peak_increase_bytes": ("bytes", "lower_is_better", 1.0e8),
    "records_per_s": ("rows/s", "higher_is_better", 50_000.0),
    "match_rate": ("ratio", "higher_is_better", 0.9),
}


def run_id(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def chart(asset="orders", metric="duration_s", *, values=None, runs=40, seed=1, stepped=False, standing=None, **more):
    """Return a chart of an asset, the last ten of its runs slower where it is ``stepped``."""
    unit, direction, level = METRICS.get(metric, ("s", "lower_is_better", 10.0))
    if values is None:
        values = level * np.exp(np.random.default_rng(seed).normal(0.0, 0.03, runs))
        values[-10:] *= 1.3 if stepped else 1.0
    values = tuple(float(value) for value in values)
    count, place = len(values), max(len(values) - 10, 0)
    changes = ()
    if stepped:
        changes = (
            Change(
                change_id="c" * 16, run_id=run_id(place), ts=BEGAN + timedelta(hours=place),
                earliest_run_id=run_id(place), latest_run_id=run_id(place), commit_before="a" * 40, commits=("b" * 40,),
                packages_changed=False, provisional=False, before=level, after=level * 1.3, change_ratio=0.3,
                interval=(0.27, 0.33), p_value=1e-5, separation=1.0, worse=True,
            ),
        )  # fmt: skip
    trend = SeriesTrend(
        asset=asset, partition=None, metric=metric, unit=unit, direction=direction,
        machine="AMD EPYC, 2 cores, 8 GiB class, Linux, Python 3.11", machine_digest="d" * 12, config_digest="e" * 64,
        heading="step" if stepped else "flat", standing=standing or ("worse" if stepped else "steady"),
        change_ratio=0.3 if stepped else 0.001, interval=None, slope_per_day=None, interval_per_day=None, p_value=0.5,
        autocorrelation=0.0, runs=count, history_runs=count, first_ts=BEGAN, last_ts=BEGAN + timedelta(hours=count),
        median=float(np.median(values)), latest=values[-1], values=values, changes=changes,
        reasons=("no trend is shown",), notes=(),
    )  # fmt: skip
    worse = 1.0 if direction == "lower_is_better" else -1.0
    given = {
        "series_id": hashlib.sha256(f"{asset}/{metric}".encode("utf-8", "replace")).hexdigest()[:32],
        "run_ids": tuple(run_id(number) for number in range(count)),
        "times": tuple(BEGAN + timedelta(hours=number) for number in range(count)),
        "commits": tuple(f"{number // 10:08x}" + "0" * 32 for number in range(count)),
        "accepted": Accepted(
            median=level, low=level * 0.95, high=level * 1.05, limit=level * (1.0 + 0.1 * worse), runs=20,
            change="establish: first", anchor=level * 0.97, anchor_label="v1",
        ),
        "marks": (Mark(count - 1, "error", f"{metric} of {asset} regressed"),) if stepped else (),
    }  # fmt: skip
    return Chart(trend=trend, **{**given, **more})


def rows(runs, status="success"):
    return tuple(
        RunRow(run_id(number), "enrich", status, BEGAN + timedelta(hours=number), 60.0) for number in range(runs)
    )


def readiness(name="quality_gates", *, asset="orders", ready=False):
    """Return the readiness of a commit that one item blocks."""
    items = (
        ItemResult("smoke_tests", critical=True, holds=True, sentence="2 smoke cases passed", evidence={"known": True}),
        ItemResult(name, critical=True, holds=ready, sentence=f"quality: match_rate of {asset} failed",
                   evidence={"enrich": {"run": run_id(3), "checks": [f"match_rate 0.61 of {asset}"]}},
                   remedy=f"run the job on this commit, and mend what its checks say of {asset}"),
        ItemResult("trends_hold", critical=False, holds=False, sentence="orders is degrading", evidence={},
                   remedy="look"),
    )  # fmt: skip
    at = datetime(2026, 2, 1, tzinfo=UTC)
    return ReadinessSection(Assessment("f" * 40, "prod", at, items), Facts(commit="f" * 40, environment="prod", at=at))


def overview(charts=None, *, name="enrich", gates=None, title="orders", runs=None, **more):
    charts = charts if charts is not None else (chart(stepped=True), chart(metric="match_rate"), chart("customers"))
    count = max((len(one.run_ids) for one in charts), default=0)
    fields = {
        "title": title,
        "ledger": "ledger",
        "window": "last 100 runs of each job",
        "as_of": BEGAN + timedelta(hours=count),
        "charts": tuple(charts),
        "gates": gates if gates is not None else (GateSection(name, every_state(name).answer),),
        "readiness": readiness(),
        "runs": runs or rows(max(count, 5)),
    }
    return Overview(**{**fields, **more})


def hostile(text):
    """Return a report in which everything that somebody else names has this name."""
    charts = (
        chart(text, "duration_s", stepped=True),
        chart(text, text or "empty", marks=(Mark(3, "warning", text),)),
    )
    runs = tuple(RunRow(f"{text}{number}", text, text, BEGAN, 1.0) for number in range(3))
    return overview(
        charts,
        name=text,
        title=text,
        runs=(*rows(40), *runs),
        readiness=readiness(text, asset=text),
        problems=(text,),
    )


def large(assets=200, runs=500):
    """Return a report of many assets with six metrics each, every twentieth asset slower than it was."""
    charts = [
        chart(f"asset_{number:03}", metric, runs=runs, seed=number * 10 + place, stepped=number % 20 == 0 and place < 2)
        for number in range(assets)
        for place, metric in enumerate(METRICS)
    ]
    return overview(sorted(charts, key=lambda one: one.trend.standing != "worse"))
