"""The exported history, in Prometheus's own blocks, says of each trend what ``trend`` says."""

import json
import statistics
from datetime import datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict

from ledger.stats import trend
from ledger.store import open_store
from tests.cli.conftest import program
from tests.monitoring.programs import checked, needed, prometheus
from tests.pasts import noisy, past, stepped
from tests.report.answers import HOSTILE

VALUES = {"duration_s": stepped(20, 20, ratio=1.3), "match_rate": noisy(40, level=0.9, cv=0.01)}
BETTER = {"duration_s": "lower_is_better", "match_rate": "higher_is_better"}
OF_METRIC = {"duration_s": "dagster_ledger_asset_duration_seconds", "match_rate": "dagster_ledger_quality_ratio"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A ledger with a past, and its history in a file."""
    place = tmp_path_factory.mktemp("history")
    store = open_store(str(place / "ledger"), create=True)
    past(store, VALUES, asset="orders", order=[*range(20, 40), *range(20)])
    past(store, noisy(5), asset=HOSTILE["label"], job="hostile", first=100)
    past(store, noisy(30), asset="daily", job="daily", first=200, partition=lambda number: f"2026-{number}")
    done = program("metrics", "export", "--openmetrics", str(place / "h.om"), "--history", "--ledger", store.uri)
    assert done.returncode == 0, done.stderr
    return place


def trends(place):
    done = program("trend", "--format", "json", "--ledger", str(place / "ledger"))
    assert done.returncode == 0, done.stderr
    return {(one["asset"], one["metric"]): one for one in json.loads(done.stdout)["series"]}


def told(place):
    """Return times and values of each series, by asset and name."""
    found = {}
    for family in strict((place / "h.om").read_text()):
        for sample in family.samples:
            found.setdefault((sample.labels["asset"], sample.name), []).append((float(sample.timestamp), sample.value))
    return found


def test_every_run_is_there_once_in_the_order_of_time(exported):
    found, known = told(exported), trends(exported)
    for metric, name in OF_METRIC.items():
        times, values = zip(*found["orders", name], strict=True)
        assert list(values) == known["orders", metric]["values"] == VALUES[metric]
        assert list(times) == sorted(times)
        ends = [datetime.fromisoformat(known["orders", metric][which]).timestamp() for which in ("first_ts", "last_ts")]
        assert [times[0], times[-1]] == ends
    assert len(found["daily", OF_METRIC["duration_s"]]) == 30
    assert len(found) == 4


@pytest.mark.slow
def test_prometheus_has_the_figures_of_trend_from_blocks_of_the_history(exported, tmp_path):
    needed("prometheus", "promtool")
    data = tmp_path / "prometheus" / "data"
    data.mkdir(parents=True)
    checked("promtool", "tsdb", "create-blocks-from", "openmetrics", exported / "h.om", data)
    known = trends(exported)
    with prometheus(tmp_path / "prometheus", {"scrape_configs": []}, "--storage.tsdb.retention.time=100y") as asked:
        for metric, name in OF_METRIC.items():
            one = known["orders", metric]
            end = datetime.fromisoformat(one["last_ts"]).timestamp()
            hours = 24 * 30
            window = f'{name}{{asset="orders"}}[{hours}h]'
            figures = {
                "runs": f"count_over_time({window})",
                "median": f"quantile_over_time(0.5, {window})",
                "latest": f"last_over_time({window})",
            }
            for figure, expr in figures.items():
                (answer,) = asked.ask(expr, time=f"{end + 1}")
                assert float(answer["value"][1]) == pytest.approx(one[figure], rel=1e-12), (metric, figure)
            (raw,) = asked.ask(window, time=f"{end + 1}")
            assert [float(value) for _, value in raw["values"]] == one["values"]
            # What anybody computes from Prometheus' own numbers is what `trend` says.
            again = trend([float(value) for _, value in raw["values"]], [at for at, _ in raw["values"]], BETTER[metric])
            assert again.kind == one["heading"]
            assert again.slope_per_day == pytest.approx(one["slope_per_day"], rel=1e-6)
            interval = (again.low_per_day, again.high_per_day)
            assert interval == pytest.approx(one["interval_per_day"], rel=1e-6)
            changes = one["changes"]
            if metric == "duration_s":
                (change,) = changes
                at = datetime.fromisoformat(change["ts"]).timestamp()
                before, after = (
                    [float(value) for ts, value in raw["values"] if (ts >= at) is later] for later in (False, True)
                )
                (level,) = asked.ask(f"quantile_over_time(0.5, {window}) ", time=f"{at - 1}")
                assert float(level["value"][1]) == pytest.approx(statistics.median(before), rel=1e-12)
                assert change["before"] == pytest.approx(statistics.median(before), rel=0.01)
                assert change["after"] == pytest.approx(statistics.median(after), rel=0.01)
        assert (
            len(asked.ask('count by (asset) (count_over_time({__name__=~"dagster_ledger_.*"}[3y]))', time="1800000000"))
            == 3
        )
