"""Formats: how a table is written out. The names are known without loading any of them."""

from typing import Final

FORMATS: Final = ("table", "json", "csv", "parquet")
"""Names of the formats, the default first; each is a module of this package with ``write``."""
