"""Prepares the matcher of a running asset: its registry, where workers and later runs find it, and its confidences."""

from pathlib import Path

from assets.matcher import Matcher
from ledger.dagster import current_settings
from ledger.dagster.chunked import WORK_DIRECTORY, allowed


def prepared(matcher: Matcher) -> Matcher:
    """Return the matcher of the running asset, its registry prepared for workers and later runs, and calibrated."""
    place = Path(current_settings().output_dir) / WORK_DIRECTORY / "registries"
    return matcher.kept_in(place, allowed()).calibrated(allowed())
