"""What a column of a terminal table is: its title, its unit, and how dear it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Column of the Arrow table.
        title: Heading.
        unit: Unit of numbers, ``None`` for text.
        rank: 0 is never dropped; on a narrow terminal the highest rank goes first.
        unit_column: Column that holds the unit of each row, where rows differ.
        cell_characters: Characters after which text is cut.
    """

    name: str
    title: str
    unit: str | None = None
    rank: int = 0
    unit_column: str | None = None
    cell_characters: int = 60
