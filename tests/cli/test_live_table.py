"""The table of a run that is watched: it fits every terminal, whatever names are, and what matters is shown first."""

import pytest

from ledger.report.text import width
from ledger.service.reading.watching import WatchedAsset, WatchedRun
from ledger.units import MIB
from ledger_cli.live import line, table
from tests.unit.report.test_hostile_text import HOSTILE

UNKNOWN = dict.fromkeys(WatchedAsset.__dataclass_fields__) | {"attempt": 0}


def asset(**known):
    return WatchedAsset(**UNKNOWN | known)


AT_WORK = asset(
    asset="enriched_awards", state="running", attempt=1, done_rows=1_250_000.0, total_rows=2_000_000.0,
    kept_rows=250_000.0, records_per_s=73_120.0, elapsed_s=65.0, eta_s=41.0, chunk_rows=25_000, chunks=40,
    adaptations=3, retries=1, given_up_rows=2, peak_bytes=812.0 * MIB, limit_bytes=2_048.0 * MIB,
)  # fmt: skip
FAILED = asset(asset="a", state="failed", reason="ValueError: row 17 has no name", elapsed_s=3.0)
SILENT = asset(asset="b", state="silent", partition="2026-11", reason="no sign of life since 12:03:04", elapsed_s=4e3)
WAITING = [asset(asset=f"waits_{number}", state="waiting", attempt=None) for number in range(40)]
DONE = [asset(asset=f"done_{number}", state="success", elapsed_s=1.0) for number in range(40)]


def run(*assets):
    return WatchedRun(
        run_id="643dc5f2-dd79", job="enrich", status="running", is_over=False, started=None, elapsed_s=125.0,
        assets=tuple(assets),
    )  # fmt: skip


def text(watched, columns, rows=100):
    return [one.text for one in table(watched, columns, rows)]


@pytest.mark.parametrize("columns", [24, 40, 80, 132, 250])
def test_no_line_is_wider_than_the_terminal_and_nothing_that_is_known_is_missing(columns):
    lines = text(run(AT_WORK, FAILED, SILENT, *DONE[:2]), columns)
    assert max(map(width, lines)) <= columns
    said = " ".join(part.strip() for part in lines)
    for known in ("0:41", "73,120", "1:05", "1,250,000/2,000,000", "62%", "running (2)"):
        assert known in said
    if columns >= 40:
        for known in ("250,000 rows kept", "chunks of 25,000 rows", "3 adaptations", "1 retry", "2 rows given up"):
            assert known in said
        assert "peak 812 of 2,048 MiB" in said
        assert "ValueError: row 17 has no name" in said
        assert "no sign of life since 12:03:04" in said


NAMES = HOSTILE | {"long": "x" * 10_000, "wide": "漢字" * 100, "combining": "e\u0301" * 100, "markup": "[red]a[/red]"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", [30, 80])
def test_names_and_reasons_of_others_stay_on_their_lines(name, columns):
    broken = asset(asset=NAMES[name], partition=NAMES[name], state="failed", reason=f"E: {NAMES[name]} {NAMES[name]}")
    lines = text(run(broken), columns)
    assert max(map(width, lines)) <= columns
    assert len(lines) <= 6
    for shown in (*lines, line(run(broken), broken)):
        assert all(character == " " or character.isprintable() for character in shown)


@pytest.mark.parametrize("rows", [6, 10, 24, 50])
def test_what_does_not_fit_into_the_height_is_counted_and_trouble_is_shown_first(rows):
    lines = text(run(*DONE, *WAITING, FAILED, AT_WORK), 100, rows)
    assert len(lines) <= rows
    assert "enriched_awards" in lines[2]
    assert lines[-1].startswith("and ")
    hidden = sum(int(word) for word in lines[-1].split() if word.isdigit())
    assert hidden + sum(not one.startswith("  ") for one in lines[2:-1]) == 82
    if rows >= 10:
        assert any("row 17 has no name" in one for one in lines)


def test_where_everything_fits_nothing_is_counted():
    lines = text(run(*DONE[:3]), 80, 6)
    assert len(lines) == 5
    assert not any(one.startswith("and ") for one in lines)
