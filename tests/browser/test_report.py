"""The report as people use it: found, filtered, pointed at, by keyboard, on a phone, in the dark, on paper, in bulk."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from ledger.report.html import page as page_of
from ledger.report.overview import GateSection
from ledger.units import format_value
from tests.browser.conftest import INKED
from tests.report.answers import HOSTILE, finding
from tests.report.answers import report as answered
from tests.report.overviews import METRICS, chart, hostile, large, overview, run_id

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROOT = Path(__file__).parents[2]
AXE = ROOT / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
WATCH = (
    "document.addEventListener('securitypolicyviolation', event => console.error(`policy: ${event.violatedDirective}`))"
)
READY = "html[data-ready=true]"


def assets(count=8):
    """Return a report of several assets, the first of them slower, as a project of some size has."""
    names = [
        "enriched_companies",
        "name_matching",
        "registrants",
        "companies",
        *(f"asset_{n}" for n in range(count - 4)),
    ]
    slower = finding("regressed", asset="enriched_companies", estimate=0.3, interval=(0.27, 0.33), baseline_value=10.0,
                     candidate_value=13.0, delta=3.0)  # fmt: skip
    charts = [
        chart(name, metric, seed=place, **{"stepped": True, "finding": slower} if place == number == 0 else {})
        for place, name in enumerate(names)
        for number, metric in enumerate(("duration_s", "peak_increase_bytes", "match_rate"))
    ]
    well = [finding(asset=name) for name in names[1:]]
    answer = replace(
        answered(slower, *well).answer, candidate_run_ids=tuple(run_id(number) for number in range(35, 40))
    )
    return overview(charts, title="enrichment", gates=(GateSection("enrich", answer),))


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser, tmp_path):
    """Open a report as a file; fail at the end where the browser complained of anything, or asked anybody."""
    pages, complaints = [], []

    def opened(shown, fragment="", **context):
        file = tmp_path / "report.html"
        file.write_text(page_of(shown), encoding="utf-8")
        context = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"} | context
        sheet = browser.new_page(**context)
        sheet.set_default_timeout(60_000)
        sheet.add_init_script(WATCH)
        sheet.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        sheet.on("pageerror", lambda error: complaints.append(str(error)))
        sheet.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        sheet.on("request", lambda asked: None if asked.url.startswith("file:") else complaints.append(asked.url))
        sheet.goto(f"{file.as_uri()}{fragment}")
        sheet.wait_for_selector(READY)
        pages.append(sheet)
        return sheet

    yield opened
    for sheet in pages:
        sheet.close()
    assert complaints == []


def cards(sheet):
    return sheet.locator(".card:visible")


def first_chart(sheet):
    found = sheet.locator(".card:visible .chart").first
    found.scroll_into_view_if_needed()
    found.locator("canvas").wait_for()
    return found


def test_the_blocker_of_a_refused_readiness_and_its_evidence_are_one_click_from_the_top(show, screenshots):
    sheet = show(assets())
    blocker = sheet.locator(".verdict .blocker")
    assert sheet.get_by_text("NOT READY").first.is_visible()
    assert blocker.locator("summary").bounding_box()["y"] < 900
    assert not sheet.get_by_text("match_rate 0.61 of orders").first.is_visible()
    blocker.locator("summary").click()
    for words in ("match_rate 0.61 of orders", run_id(3), "mend what its checks say"):
        assert blocker.get_by_text(words).first.is_visible()
    sheet.screenshot(path=screenshots / "report-blocker.png")


def test_verdicts_come_first_and_every_chart_is_drawn(show, screenshots):
    sheet = show(assets())
    tops = [sheet.get_by_role("heading", name=name).first.bounding_box()["y"] for name in
            ("enrichment", "Readiness", "Gate of enrich", "Trends")]  # fmt: skip
    assert max(tops) < 900
    assert cards(sheet).count() == 24
    for number in range(24):
        canvas = sheet.locator(".card .chart").nth(number)
        canvas.scroll_into_view_if_needed()
        canvas.locator("canvas").wait_for()
        assert canvas.locator("canvas").evaluate(INKED) > 300
    sheet.evaluate("window.scrollTo(0, 0)")
    sheet.locator(".card canvas").first.wait_for()
    sheet.screenshot(path=screenshots / "report-top.png")
    sheet.locator("#charts").evaluate("one => one.scrollIntoView()")
    first_chart(sheet)
    sheet.screenshot(path=screenshots / "report-charts.png")


def test_pointing_at_a_run_tells_its_value_machine_and_commit(show):
    shown = assets()
    sheet = show(shown)
    found = first_chart(sheet)
    box = found.locator(".u-over").bounding_box()
    sheet.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2)
    told = sheet.locator(".card .readout").first
    newest = shown.charts[0]
    value = format_value(newest.trend.values[-1], "s")
    for words in (value, newest.run_ids[-1][:8], newest.commits[-1][:12], "AMD EPYC, 2 cores", "error: duration_s of"):
        assert words in told.inner_text()
    sheet.mouse.move(box["x"], box["y"] + box["height"] / 2)
    assert newest.run_ids[0][:8] in told.inner_text()


def test_filters_narrow_what_is_shown_and_the_address_gives_it_back(show):
    sheet = show(assets())
    sheet.get_by_role("searchbox").fill("match")
    assert cards(sheet).count() == 8 + 2  # every match_rate, and the other metrics of name_matching
    sheet.get_by_role("combobox", name="Metric").select_option("duration_s")
    assert cards(sheet).count() == 1
    assert "1 of 24 series" in sheet.locator("output").first.inner_text()
    address = sheet.url
    assert "q=match" in address
    again = show(assets(), address.partition("#")[1] + address.partition("#")[2])
    assert cards(again).count() == 1
    again.get_by_role("button", name="Show all").click()
    assert cards(again).count() == 24
    again.get_by_role("combobox", name="Standing").select_option("worse")
    assert cards(again).count() == 1
    again.get_by_role("button", name="Show all").click()
    again.get_by_role("combobox", name="Runs").select_option("n20")
    first_chart(again)
    assert "20 runs;" in again.locator(".readout").first.inner_text()


def test_a_link_of_dagster_shows_one_asset_and_a_link_of_a_chart_leads_to_it(show):
    sheet = show(assets(), "#asset=name_matching")
    assert cards(sheet).count() == 3
    sheet.get_by_role("button", name="only name_matching").click()
    assert cards(sheet).count() == 24
    last = sheet.locator(".card").last
    last.scroll_into_view_if_needed()
    last.locator("h4 a").click()
    assert "at=" in sheet.url
    again = show(assets(), "#" + sheet.url.partition("#")[2])
    assert again.evaluate("document.activeElement.id") == last.get_attribute("id")
    assert 0 <= again.locator(".card").last.bounding_box()["y"] < 900


def test_the_findings_of_the_gate_lead_to_their_charts(show):
    shown = overview((chart("loaded"), chart("other")), name="loaded")
    sheet = show(shown)
    assert sheet.locator("#gate-0").is_visible()
    sheet.get_by_role("region", name="Findings of loaded that are not well").get_by_role("link").first.click()
    assert "asset=loaded" in sheet.url


def test_everything_can_be_done_by_keyboard(show):
    sheet = show(assets())
    sheet.keyboard.press("Tab")
    assert sheet.evaluate("document.activeElement.textContent") == "Skip to the charts"
    sheet.keyboard.press("Enter")
    assert sheet.evaluate("document.activeElement.id") == "charts"
    sheet.keyboard.press("/")
    sheet.keyboard.type("enriched")
    assert cards(sheet).count() == 3
    sheet.evaluate("document.activeElement.blur()")
    sheet.keyboard.press("j")
    first_chart(sheet)
    told = sheet.locator(".card:visible .readout").first
    sheet.keyboard.press("End")
    assert run_id(39)[:8] in told.inner_text()
    sheet.keyboard.press("ArrowLeft")
    assert run_id(38)[:8] in told.inner_text()
    sheet.keyboard.press("Home")
    assert run_id(0)[:8] in told.inner_text()
    sheet.keyboard.press("j")
    assert sheet.evaluate(
        "document.activeElement.closest('.card') === document.querySelectorAll('.card:not([hidden])')[1]"
    )
    sheet.keyboard.press("t")
    assert sheet.locator("table.series tbody tr").count() == 3
    sheet.keyboard.press("?")
    assert sheet.get_by_role("dialog").is_visible()
    sheet.keyboard.press("Escape")
    assert not sheet.locator("dialog").is_visible()


def test_the_table_says_what_the_charts_say(show):
    shown = assets()
    sheet = show(shown, "#view=table")
    rows = sheet.locator("table.series tbody tr")
    assert rows.count() == 24
    cells = rows.first.locator("td").all_inner_texts()
    trend = shown.charts[0].trend
    assert cells[:2] == ["enriched_companies", "duration_s"]
    assert cells[4:6] == [format_value(trend.median, "s"), format_value(trend.latest, "s")]
    assert not sheet.locator(".card").first.is_visible()
    sheet.get_by_role("combobox", name="Shown as").select_option("")
    values = sheet.locator(".card").first.locator(".values")
    values.locator("summary").click()
    values.locator("tbody tr").first.wait_for()  # Rows are made once the table is open.
    assert values.locator("tbody tr").count() == 40
    assert values.locator("tbody tr").first.locator("td").nth(3).inner_text() == format_value(trend.latest, "s")


@pytest.mark.parametrize("unit", ["s", "bytes", "ratio", "rows", "rows/s", "count", "other"])
def test_numbers_are_written_as_the_command_line_writes_them(show, unit):
    values = [0.0, 1.5e-5, 0.0004, 0.012, 0.9996, 3.14159, 59.996, 61.0, 3725.0, 123456.0, 3.0e8, -2.5]
    metric = {"s": "duration_s", "bytes": "peak_rss_bytes", "ratio": "match_rate", "rows/s": "records_per_s"}.get(unit)
    assert metric is None or METRICS[metric][0] == unit
    one = chart(values=values, accepted=None)
    object.__setattr__(one.trend, "unit", unit)
    sheet = show(overview((one,)))
    sheet.locator(".card .values summary").first.click()
    cells = sheet.locator(".card .values tbody tr td:nth-child(4)")
    cells.first.wait_for()
    shown = cells.all_inner_texts()
    assert shown == [format_value(value, unit) for value in reversed(values)]


def test_dark_and_light_as_the_system_says_or_as_somebody_chooses(show, screenshots):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = show(assets())
    sheet = show(assets(), color_scheme="dark")
    dark = sheet.evaluate(ground)
    assert dark != light.evaluate(ground)
    first_chart(sheet)
    sheet.screenshot(path=screenshots / "report-dark.png")
    light.keyboard.press("d")
    assert light.evaluate(ground) == dark
    assert "theme=dark" in light.url
    light.keyboard.press("d")
    assert light.evaluate(ground) != dark


def test_a_phone_shows_it_without_scrolling_sideways(show, screenshots):
    sheet = show(
        assets(), viewport={"width": 360, "height": 740}, device_scale_factor=2, has_touch=True, is_mobile=True
    )
    for view in ("", "table"):
        sheet.evaluate(f"location.hash = 'view={view}'")
        assert sheet.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sheet.evaluate("location.hash = ''")
    sheet.screenshot(path=screenshots / "report-phone.png")
    first_chart(sheet).scroll_into_view_if_needed()
    box = first_chart(sheet).locator(".u-over").bounding_box()
    sheet.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    assert "run " in sheet.locator(".readout").first.inner_text()


def test_paper_holds_every_chart_and_no_buttons(show, tmp_path):
    sheet = show(assets(), color_scheme="dark")
    drawn = sheet.locator(".card canvas").count()
    assert drawn < 24
    pdf = sheet.pdf(path=tmp_path / "report.pdf", format="A4")
    assert pdf.count(b"/Type /Page") > 2
    sheet.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    sheet.emulate_media(media="print")
    assert sheet.locator(".card canvas").count() == 24
    assert not sheet.get_by_role("button", name="Print").is_visible()
    assert sheet.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("fragment", ["", "#view=table", "#theme=dark"])
def test_assistive_technology_finds_nothing_serious(show, fragment):
    if not AXE.is_file():
        pytest.skip("needs axe-core (npm; `.ci/tools` installs it)")
    sheet = show(assets(), fragment)
    for summary in sheet.locator("summary").all():
        if summary.is_visible():
            summary.click()
    sheet.evaluate("window.scrollTo(0, 0)")
    sheet.evaluate(AXE.read_text())
    found = sheet.evaluate("axe.run({resultTypes: ['violations']})")
    grave = [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_wherever_it_stands(show, name):
    sheet = show(hostile(HOSTILE[name]))
    for summary in sheet.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert sheet.locator("#page script, #page img, #page iframe, #page svg").count() == 0
    assert sheet.evaluate("[...document.links].every(link => link.getAttribute('href').startsWith('#'))")
    shown = sheet.evaluate("document.getElementById('page').textContent")
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0e-\x1f\x7f]", shown)
    assert sheet.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sheet.locator("h3 a").first.click()
    sheet.keyboard.press("t")
    assert sheet.locator("table.series tbody tr").count() >= 1


def test_a_script_that_gets_in_nevertheless_is_not_run_by_the_policy(browser, tmp_path):
    file = tmp_path / "report.html"
    broken = "<script>document.title = 'owned'</script><p id=x onclick=\"document.title = 'owned'\">x</p>"
    file.write_text(page_of(overview()).replace('<div id="page"', f'{broken}<div id="page"'))
    sheet = browser.new_page()
    sheet.goto(file.as_uri())
    sheet.wait_for_selector(READY)
    sheet.locator("#x").click()
    assert sheet.title() != "owned"
    sheet.close()


FRAMES = """
async share => {
  const times = [];
  let last = performance.now();
  let stop = false;
  const frame = now => { times.push(now - last); last = now; if (!stop) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const height = document.documentElement.scrollHeight * share;
  for (let step = 1; step <= 60; step += 1) {
    window.scrollTo(0, height * step / 60);
    await new Promise(done => setTimeout(done, 50));
  }
  stop = true;
  times.sort((a, b) => a - b);
  const at = share => times[Math.floor((times.length - 1) * share)];
  return {median: at(0.5), high: at(0.95), most: at(1)};
}
"""


@pytest.mark.slow
def test_200_assets_with_six_metrics_over_500_runs_open_scroll_and_filter(show, record_property):
    shown = large()
    (ROOT / "build").mkdir(exist_ok=True)
    size = len(page_of(shown))
    sheet = show(shown)
    opened = sheet.evaluate("performance.getEntriesByName('ready')[0].startTime")
    first_chart(sheet)
    wheel, jumps = (sheet.evaluate(FRAMES, share) for share in (0.05, 1.0))
    began = time.perf_counter()
    sheet.get_by_role("searchbox").fill("asset_123")
    assert cards(sheet).count() == 6
    filtered = time.perf_counter() - began
    sheet.get_by_role("searchbox").fill("")
    figures = {
        "file_mib": size / 2**20, "open_ms": opened, "filter_ms": filtered * 1000, "wheel_frame_ms": wheel,
        "jump_frame_ms": jumps, "canvases": sheet.locator("canvas").count(),
        "heap_mib": sheet.evaluate("performance.memory.usedJSHeapSize") / 2**20,
    }  # fmt: skip
    for name, value in figures.items():
        record_property(name, value)
    (ROOT / "build" / "report-large.json").write_text(json.dumps(figures, indent=2) + "\n")
    assert size < 5 * 2**20
    # Only what is near the screen is drawn, however long the report is.
    assert figures["canvases"] < 100
    assert sheet.locator(".card").count() == 1200
    # Other work on the machine slows frames; a page that draws everything at once takes seconds.
    assert wheel["high"] < 500
