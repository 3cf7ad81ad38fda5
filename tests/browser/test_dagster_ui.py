"""What a person sees in Dagster's own interface: tracked metrics as numbers, and as plots over runs."""

import json
import urllib.request

import pytest

from ledger.events import MetricMeasured
from ledger.events.codec import from_table
from ledger.store import open_store
from tests.browser.conftest import INKED, REPORT, RUNS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

QUERY = """
query Entries($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      assetMaterializations(limit: 50) {
        metadataEntries { label ... on FloatMetadataEntry { floatValue } }
      }
    }
  }
}
"""


def plotted(server: str, asset: str) -> dict[str, list[float]]:
    """Return the numbers that the interface gets for its plots: metadata label to values, newest first."""
    body = json.dumps({"query": QUERY, "variables": {"key": {"path": [asset]}}}).encode()
    request = urllib.request.Request(f"{server}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        made = json.load(response)["data"]["assetOrError"]["assetMaterializations"]
    values: dict[str, list[float]] = {}
    for entry in (entry for one in made for entry in one["metadataEntries"]):
        if entry.get("floatValue") is not None:
            values.setdefault(entry["label"], []).append(entry["floatValue"])
    return values


def test_the_interface_gets_the_numbers_of_the_ledger(server, dagster_home):
    shown = plotted(server, "enriched_companies")
    for label in ("ledger/duration_s", "ledger/peak_rss_mib", "ledger/records_per_s", "ledger/match_rate"):
        assert len(shown[label]) == RUNS + 1
    events = [entry.event for entry in from_table(open_store(str(dagster_home / "ledger")).read())]
    # What an asset with checks yields carries the figures up to the yield; only time goes on after it, a little.
    for metric, off in (("duration_s", 0.02), ("match_rate", 0.0), ("precision", 0.0)):
        recorded = [
            event.value
            for event in events
            if isinstance(event, MetricMeasured) and (event.asset, event.metric) == ("enriched_companies", metric)
        ]
        assert sorted(shown[f"ledger/{metric}"]) == pytest.approx(sorted(recorded), abs=off, rel=0.0)


def test_tracked_metrics_are_plotted_over_runs(page, screenshots):
    page.goto("/assets/enriched_companies?view=overview")
    page.get_by_role("button", name="Plots").or_(page.get_by_text("Plots", exact=True)).first.click()
    canvases = page.locator("canvas")
    canvases.first.wait_for()
    page.get_by_text("ledger/duration_s").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert canvases.count() >= 5
    for number in range(5):
        canvas = canvases.nth(number)
        canvas.scroll_into_view_if_needed()
        assert canvas.evaluate(INKED) > 200
    canvases.first.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "dagster-plots.png")


def test_an_asset_shows_its_figures_as_metadata(page, screenshots):
    page.goto("/assets/enriched_companies?view=overview")
    for label in ("ledger/match_rate", "ledger/precision", "ledger/recall", "ledger/peak_increase_mib"):
        page.get_by_text(label).first.wait_for()
        assert page.get_by_text(label).first.is_visible()
    page.screenshot(path=screenshots / "dagster-asset.png")


def test_a_blocked_run_says_which_assets_were_not_made_and_why(page, screenshots, dagster_home):
    run_id = (dagster_home / "blocked_run").read_text()
    page.goto(f"/runs/{run_id}")
    page.get_by_text("Not executed (2)").first.wait_for()
    page.screenshot(path=screenshots / "dagster-blocked-run.png")
    page.goto("/assets/enriched_companies?view=checks&checkDetail=match_rate_gate")
    page.get_by_text("not made in this run: company_profile, published_companies").first.wait_for()
    page.get_by_text("ledger/blocks").first.wait_for()
    page.screenshot(path=screenshots / "dagster-blocked-reason.png")


def test_an_asset_links_to_its_part_of_the_report(page, screenshots):
    page.goto("/assets/enriched_companies?view=overview")
    link = page.get_by_role("link", name=f"{REPORT}#asset=enriched_companies").first
    link.wait_for()
    link.scroll_into_view_if_needed()
    assert link.get_attribute("href") == f"{REPORT}#asset=enriched_companies"
    page.screenshot(path=screenshots / "dagster-report-link.png")


def test_the_health_of_the_pipelines_is_an_asset(page, screenshots):
    page.goto("/assets/pipeline_health?view=overview")
    page.get_by_text("ledger/jobs_failing").first.wait_for()
    page.get_by_text("ledger/health").first.wait_for()
    row = page.get_by_role("row").filter(has_text="enrich_companies")
    row.first.wait_for()
    assert row.get_by_text("failing", exact=True).first.is_visible()
    assert row.get_by_text("gate match_rate_gate of enriched_companies is closed").first.is_visible()
    page.screenshot(path=screenshots / "dagster-health.png")
