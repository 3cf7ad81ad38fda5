"""Expressions of PromQL, and the numbers and names in them.

Rules:
- One asset may arrive by two paths, scraped and through a Pushgateway for instance. Every expression is brought to one
  series by leaving out what the paths add before it is held against another; other labels of a target are kept.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ledger.report.monitoring.naming import Family, label

PATHS: Final = ("job", "instance", "exported_job", "exported_instance")
"""Labels that tell by which path a series came."""

_DIGITS: Final = 9


def number(value: float) -> str:
    """Return a finite number as PromQL and people read it."""
    return repr(round(value, _DIGITS)).removesuffix(".0")


def quoted(text: str) -> str:
    """Return a text as a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def equal(**labels: str) -> list[str]:
    """Return matchers for names as others chose them."""
    return [f"{name}={quoted(label(value))}" for name, value in labels.items()]


def unequal(name: str, values: Iterable[str]) -> list[str]:
    """Return matchers that leave values out."""
    return [f"{name}!={quoted(label(value))}" for value in values]


def one_of(name: str, values: Iterable[str]) -> list[str]:
    """Return the matcher for any of several values."""
    return [f"{name}=~{quoted('|'.join(re.escape(label(value)) for value in sorted(values)))}"]


def selector(family: Family, matchers: Iterable[str] = ()) -> str:
    """Return the selector of a family's series."""
    shown = ",".join(matchers)
    return f"{family.name}{{{shown}}}" if shown else family.name


def series(family: Family, labels: Mapping[str, str]) -> str:
    """Return one series, with labels as they are."""
    return selector(family, [f"{name}={quoted(value)}" for name, value in labels.items()])


def over_paths(how: str, expression: str, *also: str) -> str:
    """Return an expression as one series, by whatever paths it came.

    Args:
        how: ``max`` or ``min``.
        expression: The expression.
        also: Further labels that are left out.
    """
    return f"{how} without ({', '.join((*PATHS, *also))}) ({expression})"
