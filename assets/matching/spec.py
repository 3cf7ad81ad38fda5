"""What is matched, and how strictly."""

from dataclasses import dataclass
from typing import Final

KINDS: Final = ("cusip", "isin", "uei", "duns", "cage")
"""Kinds of identifiers that have a normaliser; an ISIN is used for the CUSIP inside it."""

SOURCE_SCHEMA_ROW: Final = "row"
"""Every source has this column: its row number from 0, without gaps."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier column of a source.

    Attributes:
        column: Column of the source.
        kind: One of ``KINDS``.
    """

    column: str
    kind: str

    @property
    def registry_kind(self) -> str:
        """Kind under which the registry files it."""
        return "cusip" if self.kind == "isin" else self.kind


@dataclass(frozen=True, slots=True)
class MatchSpec:
    """How a source is matched.

    Attributes:
        identifiers: Identifier columns in the order they are tried; empty to match by name alone.
        name_column: Column of the source that holds the name; ``None`` links by identifiers alone.
        low_confidence_threshold: Similarity below which a name is no match.
        common_token_rows: Tokens that more registry rows have than this do not propose candidates.
        proposing_tokens: How many of a name's rarest tokens propose candidates.
    """

    identifiers: tuple[Identifier, ...]
    name_column: str | None = "name"
    low_confidence_threshold: float = 0.75
    common_token_rows: int = 2_000
    proposing_tokens: int = 4
