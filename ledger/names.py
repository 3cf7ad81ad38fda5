"""Names that people give: which one was probably meant where there is none, and what a file is called by one."""

import difflib
import hashlib
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

_NAMED: Final = 20
_PLAIN: Final = " !#()+,:;=@[]{|}"
_FILE_CHARACTERS: Final = 150
"""A file name may have 255 bytes on most file systems; what is put before and behind it needs room."""

_KEPT_CHARACTERS: Final = 100


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


def file_name(text: str) -> str:
    """Return a file name for a text, another one for another text; plain texts stay what they are.

    Slashes, control characters, and dots at the beginning are percent-encoded, so that no text leads to another
    directory or to a hidden file; what is too long is cut, and told apart by a digest.
    """
    quoted = quote(text, safe=_PLAIN, errors="surrogatepass") or "%"
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) <= _FILE_CHARACTERS:
        return quoted
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{quoted[:_KEPT_CHARACTERS]}%{digest[:16]}"
