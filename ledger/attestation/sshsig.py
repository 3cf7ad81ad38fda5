"""What an SSH signature says of itself, before anything is believed.

Source: OpenSSH, PROTOCOL.sshsig.

Rules:
- Envelopes hold the binary form; ssh-keygen reads and writes the armoured one.
- A key that travels in a signature is only looked at to be held against the key that the trust root names.
"""

import base64
import binascii
import textwrap
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HEADER: Final = "-----BEGIN SSH SIGNATURE-----"
_FOOTER: Final = "-----END SSH SIGNATURE-----"
_LINE: Final = 70


@dataclass(frozen=True, slots=True)
class SshSignature:
    """A signature's key (base64, SSH wire format), namespace and hash algorithm."""

    blob: str
    namespace: str
    hash_algorithm: str


def armoured(sig: bytes) -> str:
    """Return a signature as ssh-keygen reads it."""
    return "\n".join([_HEADER, *textwrap.wrap(base64.b64encode(sig).decode(), _LINE), _FOOTER, ""])


def bare(text: str) -> bytes:
    """Return the bytes of a signature that ssh-keygen wrote.

    Raises:
        ValueError: It is no armoured signature.
    """
    lines = text.strip().splitlines()
    if len(lines) < 3 or lines[0] != _HEADER or lines[-1] != _FOOTER:  # noqa: PLR2004 - both marks and a line between
        message = "no armoured SSH signature"
        raise ValueError(message)
    return base64.b64decode("".join(lines[1:-1]), validate=True)


def parse(sig: bytes) -> SshSignature | None:
    """Return what a signature says of itself, ``None`` where the bytes are none."""
    try:
        if sig[:6] != _MAGIC or int.from_bytes(sig[6:10], "big") != _VERSION:
            return None
        key, rest = take(sig[10:])
        namespace, rest = take(rest)
        reserved, rest = take(rest)
        algorithm, rest = take(rest)
        signature, rest = take(rest)
        if rest or reserved or not signature:
            return None
        return SshSignature(base64.b64encode(key).decode(), namespace.decode("utf-8"), algorithm.decode("ascii"))
    except (ValueError, UnicodeDecodeError, binascii.Error):
        return None


def take(data: bytes) -> tuple[bytes, bytes]:
    """Return the first length-prefixed text of SSH wire format (RFC 4251, 5), and what follows.

    Raises:
        ValueError: The data ends before it.
    """
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length:
        message = "the data ends early"
        raise ValueError(message)
    return data[4 : 4 + length], data[4 + length :]


def told(text: bytes) -> bytes:
    """Return a text with its length before it, as ``take`` reads it."""
    return len(text).to_bytes(4, "big") + text
