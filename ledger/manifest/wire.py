"""A manifest as an in-toto Statement, written and read strictly.

Rules:
- Every object has exactly the fields named here: what a verifier does not know it cannot have judged.
- Times are ``2026-11-23T12:00:00Z``, digests lower-case hex, counts whole numbers; there are no floats.
- The fields a SLSA verification summary has carry its names: ``verifier``, ``timeVerified``, ``policy``,
  ``inputAttestations``, ``verificationResult``.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ledger.errors import IntegrityError
from ledger.events import Json
from ledger.events.checkpoint import Checkpoint
from ledger.manifest.model import (
    POLICY_URI,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    VERIFIER_ID,
    Digested,
    Manifest,
    Previous,
)
from ledger.trust.canonical import dumps
from ledger.trust.refusal import Refused

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PREDICATE: Final = frozenset(
    {
        "baselines",
        "checklist",
        "commit",
        "environment",
        "expiresAt",
        "inputAttestations",
        "ledger",
        "policy",
        "previousManifest",
        "timeVerified",
        "verificationResult",
        "verifier",
    }
)
_ITEM: Final = frozenset({"name", "critical", "holds", "sentence", "evidence"})
_DELETE: Final = "\x7f"
"""Some JSON writers escape this letter and others do not, so that no text of a manifest holds it."""


def payload(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest, those that are signed."""
    return dumps(statement(manifest))


def statement(manifest: Manifest) -> dict[str, Json]:
    """Return a manifest as an in-toto Statement."""
    return {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "subject": [_with_digest("name", subject) for subject in manifest.subjects],
        "predicate": {
            "verifier": {"id": VERIFIER_ID, "version": {"dagster-ledger": manifest.version}},
            "timeVerified": written(manifest.verified),
            "expiresAt": written(manifest.expires),
            "environment": manifest.environment,
            "commit": manifest.commit,
            "policy": {"uri": POLICY_URI, "digest": {"sha256": manifest.policy_sha256}},
            "inputAttestations": [_with_digest("uri", one) for one in manifest.inputs],
            "verificationResult": manifest.result,
            "checklist": [dict(item) for item in manifest.checklist],
            "ledger": _checkpoint_json(manifest.checkpoint),
            "baselines": [{"path": one.name, "sha256": one.sha256} for one in manifest.baselines],
            "previousManifest": None
            if manifest.previous is None
            else {"sha256": manifest.previous.sha256, "ledger": _checkpoint_json(manifest.previous.checkpoint)},
        },
    }


def parse(document: object) -> Manifest:
    """Return the manifest that a statement is.

    Args:
        document: The payload as JSON values, which was read strictly.

    Raises:
        Refused: It is a statement about something else, or no statement of a manifest.
    """
    top = _object(document, "the payload", {"_type", "predicateType", "subject", "predicate"})
    if top["_type"] != STATEMENT_TYPE:
        raise _shape(f"the payload is no in-toto Statement of version 1 but {_shown(top['_type'])}")
    if top["predicateType"] != PREDICATE_TYPE:
        message = (
            f"the statement is about {_shown(top['predicateType'])}, not about readiness; give a readiness manifest"
        )
        raise Refused("predicate-type", message)
    told = _object(top["predicate"], "predicate", _PREDICATE)
    return Manifest(
        subjects=tuple(_digested(one, "subject", "name") for one in _list(top["subject"], "subject")),
        version=_version(told["verifier"]),
        verified=_moment(told["timeVerified"], "timeVerified"),
        expires=_moment(told["expiresAt"], "expiresAt"),
        environment=_matching(told["environment"], "environment", _ENVIRONMENT),
        commit=_matching(told["commit"], "commit", _COMMIT),
        policy_sha256=_policy(told["policy"]),
        inputs=tuple(_digested(one, "inputAttestations", "uri") for one in _list(told["inputAttestations"], "inputs")),
        result=_text(told["verificationResult"], "verificationResult"),
        checklist=tuple(_item(one) for one in _list(told["checklist"], "checklist")),
        checkpoint=_checkpoint(told["ledger"], "ledger"),
        baselines=tuple(_baseline(one) for one in _list(told["baselines"], "baselines")),
        previous=_previous(told["previousManifest"]),
    )


def written(moment: datetime) -> str:
    """Return a moment as it is written in a manifest."""
    return moment.astimezone(UTC).strftime(_TIME)


def item_json(item: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return an item as a manifest holds it: no text of it has a letter that JSON writers spell differently."""
    cleaned = _cleaned(item)
    return cleaned if isinstance(cleaned, Mapping) else {}


def _cleaned(value: Json) -> Json:
    if isinstance(value, str):
        return value.replace(_DELETE, "\N{SYMBOL FOR DELETE}")
    if isinstance(value, Mapping):
        return {str(_cleaned(name)): _cleaned(entry) for name, entry in value.items()}
    if isinstance(value, Sequence):
        return [_cleaned(entry) for entry in value]
    return value


def _with_digest(key: str, one: Digested) -> dict[str, Json]:
    return {key: one.name, "digest": {"sha256": one.sha256}}


def _checkpoint_json(checkpoint: Checkpoint) -> dict[str, Json]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root}


def _object(value: object, what: str, names: frozenset[str] | set[str]) -> Mapping[str, Any]:
    """Return a JSON object that has exactly these fields."""
    if not isinstance(value, dict):
        raise _shape(f"{what} is no JSON object")
    if value.keys() != names:
        strange = sorted(value.keys() ^ names)
        raise _shape(f"{what} lacks or has beyond need: {', '.join(map(_shown, strange[:5]))}")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise _shape(f"{what} is no JSON array")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value or _DELETE in value:
        raise _shape(f"{what} is not a text: {_shown(value)}")
    return value


def _matching(value: object, what: str, pattern: re.Pattern[str]) -> str:
    text = _text(value, what)
    if pattern.fullmatch(text) is None:
        raise _shape(f"{what} is not of the form it must have: {_shown(text)}")
    return text


def _moment(value: object, what: str) -> datetime:
    text = _text(value, what)
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise _shape(f"{what} is no moment such as 2026-11-23T12:00:00Z: {_shown(text)}") from error
    if written(moment) != text:
        raise _shape(f"{what} is no moment such as 2026-11-23T12:00:00Z: {_shown(text)}")
    return moment


def _digested(value: object, what: str, key: str) -> Digested:
    told = _object(value, f"an entry of {what}", {key, "digest"})
    digest = _object(told["digest"], f"the digest of an entry of {what}", {"sha256"})
    return Digested(_text(told[key], f"{key} in {what}"), _matching(digest["sha256"], f"sha256 in {what}", _SHA256))


def _baseline(value: object) -> Digested:
    told = _object(value, "an entry of baselines", {"path", "sha256"})
    return Digested(_text(told["path"], "path in baselines"), _matching(told["sha256"], "sha256 in baselines", _SHA256))


def _version(value: object) -> str:
    told = _object(value, "verifier", {"id", "version"})
    if told["id"] != VERIFIER_ID:
        raise _shape(f"verifier is {_shown(told['id'])}, not dagster-ledger")
    version = _object(told["version"], "version of verifier", {"dagster-ledger"})
    return _text(version["dagster-ledger"], "version of verifier")


def _policy(value: object) -> str:
    told = _object(value, "policy", {"uri", "digest"})
    if told["uri"] != POLICY_URI:
        raise _shape(f"the policy is at {_shown(told['uri'])}, not at {POLICY_URI}")
    return _matching(_object(told["digest"], "digest of policy", {"sha256"})["sha256"], "digest of policy", _SHA256)


def _item(value: object) -> Mapping[str, Json]:
    told = _object(value, "an item of the checklist", _ITEM)
    _text(told["name"], "name of an item")
    _text(told["sentence"], "sentence of an item")
    if not isinstance(told["critical"], bool) or not isinstance(told["holds"], bool):
        raise _shape(f"item {_shown(told['name'])} does not say with true or false whether it is critical and holds")
    if not isinstance(told["evidence"], dict):
        raise _shape(f"item {_shown(told['name'])} has no evidence")
    return told


def _checkpoint(value: object, what: str) -> Checkpoint:
    told = _object(value, what, {"origin", "size", "root"})
    size = told["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _shape(f"the size of {what} is no count: {_shown(size)}")
    origin = _text(told["origin"], f"origin of {what}")
    found = Checkpoint(origin, size, _matching(told["root"], f"root of {what}", _SHA256))
    try:
        if Checkpoint.parse(str(found), what) == found:
            return found
    except IntegrityError as error:
        raise _shape(f"{what} is no checkpoint") from error
    raise _shape(f"{what} is no checkpoint")


def _previous(value: object) -> Previous | None:
    if value is None:
        return None
    told = _object(value, "previousManifest", {"sha256", "ledger"})
    digest = _matching(told["sha256"], "sha256 of previousManifest", _SHA256)
    return Previous(digest, _checkpoint(told["ledger"], "ledger of previousManifest"))


def _shape(message: str) -> Refused:
    return Refused("statement-shape", f"{message}; have the manifest built again")


def _shown(value: object) -> str:
    return repr(value)[:80]
