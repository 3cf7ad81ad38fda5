"""What is said where a name does not exist: the one that was probably meant, or those that there are."""

import difflib
from collections.abc import Iterable
from typing import Final

_NAMED: Final = 20


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to a misspelt one, ``None`` where none is close."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return close[0] if close else None


def no_such(what: str, name: str, known: Iterable[str], where: str = "") -> str:
    """Return the sentence for a name that does not exist.

    Args:
        what: What it should have been the name of, in the singular.
        name: The name.
        known: The names there are.
        where: Where they are, for instance ``in the ledger``.
    """
    names = sorted(known)
    missing = f"there is no {what} {name!r}" + (f" {where}" if where else "")
    meant = did_you_mean(name, names)
    if meant is not None:
        return f"{missing}; did you mean {meant!r}?"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{missing}; known: {', '.join(names[:_NAMED]) or 'none'}{more}"
