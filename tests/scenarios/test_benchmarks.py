"""Scenarios: benchmarks and regressions."""

from datetime import UTC, datetime

import pytest

from ledger.events import AlertRaised
from ledger.store import open_store
from tests.judged import batches, story, write
from tests.pasts import noisy, past

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]

BEFORE, RUNS = 20, 8


def recorded(place, **factors: dict[str, float]) -> None:
    """Record unchanged runs, then runs whose figures are multiplied: asset to metric to factor."""
    store = open_store(str(place.path / "ledger"), create=True)
    for number, assets in story(BEFORE + RUNS, noise=0.01):
        changed = {
            asset: {
                metric: value * (factors.get(asset, {}).get(metric, 1.0) if number >= BEFORE else 1.0)
                for metric, value in values.items()
            }
            for asset, values in assets.items()
        }
        write(store, batches(number, changed))


def test_every_run_is_a_benchmark(good, evidence):
    rows = good.ask("samples", "--asset", "enriched_companies")
    metrics = {row["metric"] for row in rows}
    assert metrics >= {"duration_s", "peak_rss_bytes", "records_per_s", "rows_in", "rows_out"}
    for row in rows:
        assert datetime.fromisoformat(row["ts"]).astimezone(UTC).year >= 2026
    records = [row["value"] for row in rows if row["metric"] == "records_per_s"]
    assert len(records) == 2
    assert all(value > 0 for value in records)
    evidence("duration_s, peak_rss_bytes, records_per_s, rows and bytes of each run, with time stamps")


def test_ten_per_cent_of_time_and_twenty_of_memory_are_flagged(place, evidence):
    slower = {"duration_s": 1.15, "cpu_s": 1.15}
    recorded(place, loaded=slower, matched={"peak_increase_bytes": 1.30}, published={"duration_s": 1.03, "cpu_s": 1.03})
    told = place.ask("gate", "--job", "job", "--baseline", f"last:{BEFORE}", "--last", str(RUNS), code=1)
    found = {(one["asset"], one["metric"]) for one in told["findings"] if one["state"] == "regressed"}
    assert found == {("loaded", "duration_s"), ("loaded", "cpu_s"), ("matched", "peak_increase_bytes")}
    alerts = {(one.asset, one.metric): one for one in place.events(AlertRaised)}
    assert alerts.keys() == found
    time, memory = alerts["loaded", "duration_s"], alerts["matched", "peak_increase_bytes"]
    assert time.change_ratio == pytest.approx(0.15, abs=0.02)
    assert memory.change_ratio == pytest.approx(0.30, abs=0.02)
    assert all("%" in one.message for one in alerts.values())
    evidence("+15 % time and +30 % memory flagged with values and per cent, +3 % time not; exit code 1")


def ramped(per_run: float, runs: int = 60) -> list[float]:
    """Return values that grow by so much a run, with a little noise."""
    return [value * (1.0 + per_run * number) for number, value in enumerate(noisy(runs, cv=0.01))]


def test_trends_tell_better_from_worse(place, evidence):
    store = open_store(str(place.path / "ledger"), create=True)
    past(store, ramped(0.005), asset="slower")
    past(store, ramped(-0.005), asset="faster", offset_minutes=10.0)
    past(store, ramped(0.0), asset="same", offset_minutes=20.0)
    past(
        store, [*ramped(0.01, 40), *(1.4 * value for value in noisy(20, cv=0.01))], asset="settled", offset_minutes=30.0
    )
    whole = {one["asset"]: one["heading"] for one in place.ask("trend", "--metric", "duration_s")["series"]}
    assert (whole["slower"], whole["faster"], whole["same"]) == ("degrading", "improving", "flat")
    assert whole["settled"] in {"degrading", "step"}
    told = place.ask("trend", "--metric", "duration_s", "--last", "15")["series"]
    newest = {one["asset"]: one["heading"] for one in told}
    assert newest["settled"] == "flat"
    assert newest["slower"] == "degrading"
    evidence("+0.5 % a run is degrading, -0.5 % improving, noise flat; what has settled is flat over its last 15 runs")
