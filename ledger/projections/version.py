"""Which code the projections are: what a snapshot of them was made by."""

import hashlib
from functools import cache
from pathlib import Path

import pyarrow as pa

_LETTERS = 16


@cache
def code_version() -> str:
    """Return 16 hex digits that change with the source of the projections, the event schema, or Arrow itself.

    It is taken of the sources and not raised by hand, so that nobody can forget to.
    """
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), *sorted((here.parent / "events").glob("*.py"))]
    digest = hashlib.sha256(pa.__version__.encode())
    for path in sources:
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:_LETTERS]
