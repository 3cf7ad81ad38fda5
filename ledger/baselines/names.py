"""Where a baseline lies: ``<profile>/<asset__key>.json``, and nothing that could lead out of the directory.

Rules:
- The parts of an asset key are joined by two underscores. Every letter that could be taken for something else is
  escaped as in URLs (RFC 3986, section 2.1), so that two assets never share a file.
- A partition follows after ``@``.
"""

import re
from typing import Final

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.\-]|^[._]|_$|(?<=_)_|\.$")
_PROFILE: Final = re.compile(r"[^a-z0-9.]+")


def relative_path(asset: str, profile: str, partition: str | None = None) -> str:
    """Return the path of a baseline below the directory of baselines, with ``/``.

    Args:
        asset: Asset key joined by ``/``.
        profile: Name of the kind of machine.
        partition: Partition key.
    """
    name = "__".join(map(escaped, asset.split("/")))
    part = "" if partition is None else f"@{escaped(partition)}"
    return f"{escaped(profile)}/{name}{part}.json"


def profile_name(machine: str) -> str:
    """Return a name for a machine class that people read: lower case letters, digits and hyphens.

    Args:
        machine: For instance ``AMD EPYC, 2 cores, 32 GiB class, Python 3.11``.
    """
    return _PROFILE.sub("-", machine.lower()).strip("-.") or "machine"


def escaped(part: str) -> str:
    """Return a part of a name in which every unsafe letter is escaped, as in URLs."""
    return _UNSAFE.sub(lambda hit: "".join(f"%{byte:02X}" for byte in hit.group().encode()), part)
