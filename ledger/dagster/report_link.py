"""Links from Dagster to the report: one per asset, where the setting ``report_url`` says where the report is."""

from typing import Final
from urllib.parse import quote

import dagster as dg

KEY: Final = "ledger/report"
"""Metadata key of the link."""


def report_link(report_url: str, asset: str | None) -> dict[str, dg.UrlMetadataValue]:
    """Return the link to what the report says of an asset as metadata; nothing where there is no report or asset.

    Args:
        report_url: Address of the report, without a fragment; empty for none.
        asset: Asset key joined by ``/``.
    """
    if not report_url or asset is None:
        return {}
    base = report_url.partition("#")[0]
    return {KEY: dg.MetadataValue.url(f"{base}#asset={quote(asset, safe='', errors='replace')}")}
