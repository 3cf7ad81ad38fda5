"""The comment on a pull request as a reviewer sees it: what got worse is on the screen before anything is opened."""

import pytest
from playwright.sync_api import sync_playwright

from ledger.report.ci import FORMATS
from tests.report.answers import HOSTILE, every_state, realistic
from tests.report.reading import rendered

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Colours, sizes and spacing as GitHub shows a comment; written for this page.
STYLE = """
body { margin: 0; background: #fff; color: #1f2328; font: 14px/1.5 "Noto Sans", Arial, sans-serif; }
.comment { margin: 16px; border: 1px solid #d1d9e0; border-radius: 6px; max-width: 860px; overflow: hidden; }
.author { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; color: #59636e; }
.author b { color: #1f2328; }
.label { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 7px; font-size: 12px; margin-left: 4px; }
.body { padding: 16px; }
.body > :first-child { margin-top: 0; }
h3 { font-size: 1.25em; margin: 24px 0 16px; line-height: 1.25; }
p, table, pre, ul, details { margin: 0 0 16px; }
table { border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; }
tr:nth-child(2n) td { background: #f6f8fa; }
code, pre { font: 12px ui-monospace, "Liberation Mono", monospace; }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto; line-height: 1.45; }
pre code { background: none; padding: 0; }
sub { font-size: 75%; }
"""
AUTHOR = '<b>github-actions</b><span class="label">bot</span> commented now'


def page_of(report) -> str:
    body = rendered(FORMATS["comment"].write(report))
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>'
        f'<div class="comment"><div class="author">{AUTHOR}</div><div class="body">{body}</div></div>'
    )


@pytest.fixture
def sheet(chromium):
    """A browser page as wide as the conversation of a pull request."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 900, "height": 900}, device_scale_factor=1.5)
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def test_what_got_worse_is_on_the_first_screen_and_the_rest_is_folded(sheet, screenshots):
    sheet.set_content(page_of(realistic()))
    for words in ("2 metrics got worse", "+39.1\u00a0%", "5 runs against 10", "13.98\u00a0s", "dagster-ledger confirm"):
        found = sheet.get_by_text(words).first
        assert found.is_visible()
        assert found.bounding_box()["y"] < 900
    assert not sheet.get_by_text("asset_000").is_visible()
    assert sheet.locator("table").first.evaluate("table => table.scrollWidth <= table.clientWidth + 1")
    sheet.locator(".comment").screenshot(path=screenshots / "gate-comment.png")
    sheet.get_by_text("290 well").click()
    assert sheet.get_by_text("asset_000").is_visible()


def test_nothing_that_a_name_holds_is_loaded_run_or_linked(sheet):
    asked = []
    sheet.on("request", lambda request: asked.append(request.url))
    sheet.on("dialog", lambda dialog: (asked.append("dialog"), dialog.dismiss()))
    for name, text in HOSTILE.items():
        sheet.set_content(page_of(every_state(text)), wait_until="networkidle")
        assert asked == [], name
        assert sheet.locator(".body a, .body img, .body script, .body iframe").count() == 0, name
