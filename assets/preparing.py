"""Prepares the registry of a running asset, where its workers and later runs find it."""

from pathlib import Path

from assets.matcher import Matcher
from ledger.dagster import current_settings
from ledger.dagster.chunked import WORK_DIRECTORY, allowed


def kept(matcher: Matcher) -> Matcher:
    """Return the matcher of the running asset with its registry prepared, to be used by its workers and later runs."""
    place = Path(current_settings().output_dir) / WORK_DIRECTORY / "registries"
    return matcher.kept_in(place, allowed())
