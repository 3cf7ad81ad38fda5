"""The envelope that carries a payload and its signatures: DSSE, read strictly.

Source: Dead Simple Signing Envelope 1.0.2, https://github.com/secure-systems-lab/dsse.

Rules:
- What is signed is the pre-authentication encoding (PAE) of payload and type, never the payload alone.
- Exactly the members of the format, base64 in its standard alphabet with padding, nothing else and nothing twice.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Final

from ledger.trust.canonical import parse as parse_json
from ledger.trust.refusal import RefusedError

LARGEST_BYTES: Final = 4 * 1024 * 1024
IN_TOTO: Final = "application/vnd.in-toto+json"
_MEMBERS: Final = frozenset({"payloadType", "payload", "signatures"})
_SIGNATURE_MEMBERS: Final = frozenset({"keyid", "sig"})
_MOST_SIGNATURES: Final = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature: who made it, as the signer names it, and its bytes."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and its signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def signed_bytes(self) -> bytes:
        """What each signature is over."""
        return pae(self.payload_type, self.payload)

    def with_signatures(self, *more: Signature) -> "Envelope":
        """Return it with further signatures; one by the same key id takes the place of the former."""
        names = {one.keyid for one in more}
        kept = tuple(one for one in self.signatures if one.keyid not in names)
        return replace(self, signatures=(*kept, *more))


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: ``DSSEv1``, and both parts with their lengths."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def dump(envelope: Envelope) -> bytes:
    """Return an envelope as a file, ended by a line feed."""
    document = {
        "payloadType": envelope.payload_type,
        "payload": base64.b64encode(envelope.payload).decode(),
        "signatures": [{"keyid": one.keyid, "sig": base64.b64encode(one.sig).decode()} for one in envelope.signatures],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def load(data: bytes, where: str, *, payload_type: str = IN_TOTO, to_sign: bool = False) -> Envelope:
    """Return the envelope that a file holds.

    Args:
        data: The file.
        where: Where it is from, for the message.
        payload_type: The only type of payload that is taken.
        to_sign: Whether it is going to be signed, so that it need not be signed yet.

    Raises:
        RefusedError: ``too_large``, ``duplicate_key``, ``trailing_data``, ``not_an_envelope``, ``payload_type``,
            ``unsigned`` or ``base64``.
    """
    if len(data) > LARGEST_BYTES:
        message = f"{where} has {len(data):,} bytes; a manifest has at most {LARGEST_BYTES:,}"
        raise RefusedError(message, "too_large")
    document = parse_json(data, where, "not_an_envelope")
    if not isinstance(document, dict) or set(document) != _MEMBERS or not _has_types(document):
        message = f"{where} is no DSSE envelope: it must have payloadType, payload and signatures, and nothing else"
        raise RefusedError(message, "not_an_envelope")
    if document["payloadType"] != payload_type:
        message = f"{where} has a payload of type {document['payloadType'][:80]!r}; only {payload_type} is taken"
        raise RefusedError(message, "payload_type")
    signatures = document["signatures"]
    if signatures == [] and not to_sign:
        message = f"{where} is not signed; approvers add their signatures with `dagster-ledger manifest sign`"
        raise RefusedError(message, "unsigned")
    if len(signatures) > _MOST_SIGNATURES or not all(map(_is_signature, signatures)):
        message = f"{where} is no DSSE envelope: each of its signatures must have keyid and sig, and nothing else"
        raise RefusedError(message, "not_an_envelope")
    names = [one["keyid"] for one in signatures]
    if len(set(names)) < len(names):
        message = f"{where} has two signatures of one key id; each key signs once"
        raise RefusedError(message, "not_an_envelope")
    return Envelope(
        payload_type,
        _decoded(document["payload"], f"the payload of {where}"),
        tuple(Signature(one["keyid"], _decoded(one["sig"], f"a signature of {where}")) for one in signatures),
    )


def _has_types(document: dict[str, object]) -> bool:
    texts = (document["payloadType"], document["payload"])
    return all(isinstance(text, str) for text in texts) and isinstance(document["signatures"], list)


def _is_signature(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == _SIGNATURE_MEMBERS
        and all(isinstance(text, str) for text in entry.values())
    )


def _decoded(text: str, what: str) -> bytes:
    """Return the bytes that base64 in its one spelling stands for."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        message = f"{what} is not base64 in its standard spelling (RFC 4648, 4, with padding, no line feeds)"
        raise RefusedError(message, "base64")
    return data
