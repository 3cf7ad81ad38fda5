"""What a readiness manifest says: an in-toto statement about artefacts, with the checklist as its predicate.

Sources: in-toto Statement v1; the names that fit are those of SLSA's Verification Summary Attestation v1
(``verifier``, ``timeVerified``, ``policy``, ``inputAttestations``, ``verificationResult``).

Rules:
- Subjects are what is deployed, by SHA-256, and nothing else; commit, ledger and baselines stand in the predicate.
- It is read strictly: every member is there, none is unknown, each has its type.
- Times are UTC to the second.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ledger.checklist import Assessment, Facts, ItemResult
from ledger.events.checkpoint import Checkpoint
from ledger.trust.canonical import decode, encode
from ledger.trust.refusal import RefusedError

STATEMENT: Final = "https://in-toto.io/Statement/v1"
READINESS: Final = "urn:dagster-ledger:readiness:v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
ARCHIVE: Final = "git-archive.tar"
"""Name of the subject where no artefact is named: what ``git archive --format=tar COMMIT`` gives."""

_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
Time = Annotated[str, StringConstraints(pattern=r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class _Digest(BaseModel):
    model_config = _STRICT
    sha256: Sha256


class _Subject(BaseModel):
    model_config = _STRICT
    name: Annotated[str, Field(min_length=1)]
    digest: _Digest


class _Verifier(BaseModel):
    model_config = _STRICT
    id: str
    version: dict[str, str]


class _Policy(BaseModel):
    model_config = _STRICT
    uri: str
    digest: _Digest


class _Ledger(BaseModel):
    model_config = _STRICT
    origin: str
    size: Annotated[int, Field(ge=0)]
    root: Sha256


class _Previous(BaseModel):
    model_config = _STRICT
    sha256: Sha256
    ledger: _Ledger


class _Item(BaseModel):
    model_config = _STRICT
    name: str
    critical: bool
    holds: bool
    sentence: str
    evidence: dict[str, Any]


class _Predicate(BaseModel):
    model_config = _STRICT
    verifier: _Verifier
    timeVerified: Time  # noqa: N815 - the name of SLSA
    expires: Time
    resourceUri: str  # noqa: N815 - the name of SLSA
    policy: _Policy
    inputAttestations: list[Any] = Field(max_length=0)  # noqa: N815 - the name of SLSA
    verificationResult: Literal["PASSED", "FAILED"]  # noqa: N815 - the name of SLSA
    environment: str
    commit: Commit
    checklist: list[_Item]
    baselines: dict[str, Sha256]
    ledger: _Ledger
    previous: _Previous | None


class _Statement(BaseModel):
    model_config = _STRICT
    kind: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[_Subject] = Field(min_length=1)
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Previous:
    """The last accepted manifest: the SHA-256 of its payload, and the checkpoint it stands on."""

    sha256: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the manifest tells it."""

    name: str
    critical: bool
    holds: bool
    sentence: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says.

    Attributes:
        subjects: Name of each artefact to its SHA-256 (hex).
        commit: Commit that was judged.
        environment: Where it may be deployed.
        verified: When it was judged.
        expires: From when on it is worth nothing.
        policy_digest: SHA-256 (hex) of the policy it was judged by.
        passed: Whether it says that the commit is ready.
        items: The checklist.
        baselines: Path below ``baselines/`` to SHA-256 (hex).
        checkpoint: What the ledger held.
        previous: The manifest before it, ``None`` for the first.
        version: Release that judged.
    """

    subjects: Mapping[str, str]
    commit: str
    environment: str
    verified: datetime
    expires: datetime
    policy_digest: str
    passed: bool
    items: tuple[Item, ...]
    baselines: Mapping[str, str]
    checkpoint: Checkpoint
    previous: Previous | None
    version: str


def manifest_of(
    found: Assessment,
    facts: Facts,
    *,
    subjects: Mapping[str, str],
    expires: datetime,
    policy_digest: str,
    checkpoint: Checkpoint,
    previous: Previous | None,
    version: str,
) -> Manifest:
    """Return the manifest of a judged commit."""
    return Manifest(
        subjects=dict(subjects),
        commit=found.commit,
        environment=found.environment,
        verified=found.at,
        expires=expires,
        policy_digest=policy_digest,
        passed=found.ready,
        items=items_of(found.items),
        baselines={one.path: one.sha256 for one in facts.baselines},
        checkpoint=checkpoint,
        previous=previous,
        version=version,
    )


def items_of(results: Sequence[ItemResult]) -> tuple[Item, ...]:
    """Return the items of a checklist as a manifest tells them."""
    return tuple(
        Item(one.name, one.critical, one.holds, str(cleaned(one.sentence)), cleaned(one.evidence)) for one in results
    )


def told_items(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return items as they stand in the payload."""
    names = ("name", "critical", "holds", "sentence", "evidence")
    return [{name: getattr(item, name) for name in names} for item in items]


def payload_of(manifest: Manifest) -> bytes:
    """Return the payload of a manifest, in its one spelling."""
    previous = manifest.previous
    return encode(
        {
            "_type": STATEMENT,
            "subject": [
                {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(manifest.subjects.items())
            ],
            "predicateType": READINESS,
            "predicate": {
                "verifier": {"id": "dagster-ledger", "version": {"dagster-ledger": manifest.version}},
                "timeVerified": manifest.verified.astimezone(UTC).strftime(_TIME),
                "expires": manifest.expires.astimezone(UTC).strftime(_TIME),
                "resourceUri": f"git:{manifest.commit}",
                "policy": {"uri": "config/trust/policy.json", "digest": {"sha256": manifest.policy_digest}},
                "inputAttestations": [],
                "verificationResult": "PASSED" if manifest.passed else "FAILED",
                "environment": manifest.environment,
                "commit": manifest.commit,
                "checklist": told_items(manifest.items),
                "baselines": dict(manifest.baselines),
                "ledger": _told(manifest.checkpoint),
                "previous": None
                if previous is None
                else {"sha256": previous.sha256, "ledger": _told(previous.checkpoint)},
            },
        }
    )


def parse_payload(payload: bytes, where: str) -> Manifest:
    """Return the manifest that a payload is.

    Args:
        payload: The payload, in its one spelling.
        where: What to call it in messages.

    Raises:
        RefusedError: ``not_canonical``, ``duplicate_key``, ``trailing_data``, ``statement`` or ``predicate_type``.
    """
    document = decode(payload, f"the payload of {where}")
    try:
        statement = _Statement.model_validate(document)
        if statement.predicate_type != READINESS:
            message = f"{where} is a statement of kind {statement.predicate_type[:80]!r}; only {READINESS} is taken"
            raise RefusedError(message, "predicate_type")
        said = _Predicate.model_validate(statement.predicate)
        verified, expires = _moment(said.timeVerified), _moment(said.expires)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        message = f"{where} is no readiness statement: {place}: {first['msg']}"
        raise RefusedError(message, "statement") from error
    except ValueError as error:
        message = f"{where} is no readiness statement: {error}"
        raise RefusedError(message, "statement") from error
    subjects = {one.name: one.digest.sha256 for one in statement.subject}
    if len(subjects) < len(statement.subject) or said.resourceUri != f"git:{said.commit}":
        message = f"{where} is no readiness statement: it names an artefact twice, or another commit in resourceUri"
        raise RefusedError(message, "statement")
    return Manifest(
        subjects=subjects,
        commit=said.commit,
        environment=said.environment,
        verified=verified,
        expires=expires,
        policy_digest=said.policy.digest.sha256,
        passed=said.verificationResult == "PASSED",
        items=tuple(Item(one.name, one.critical, one.holds, one.sentence, one.evidence) for one in said.checklist),
        baselines=said.baselines,
        checkpoint=_checkpoint(said.ledger),
        previous=None if said.previous is None else Previous(said.previous.sha256, _checkpoint(said.previous.ledger)),
        version=said.verifier.version.get("dagster-ledger", ""),
    )


def test_result_statement(facts: Facts) -> bytes:
    """Return the smoke tests of a commit as an in-toto test-result statement (v0.1), in its one spelling."""
    passed = [one.case for one in facts.smoke if one.case in facts.smoke_cases and one.passed and not one.dirty]
    failed = [name for name in facts.smoke_cases if name not in passed]
    return encode(
        {
            "_type": STATEMENT,
            "subject": [{"name": "git", "digest": {"gitCommit": facts.commit}}],
            "predicateType": TEST_RESULT,
            "predicate": {
                "result": "PASSED" if facts.smoke_cases and not failed else "FAILED",
                "configuration": [
                    {"name": path, "digest": {"sha256": digest}} for path, digest in sorted(facts.smoke_files.items())
                ],
                "passedTests": passed,
                "warnedTests": [],
                "failedTests": failed,
            },
        }
    )


def cleaned(value: Any) -> Any:  # noqa: ANN401 - evidence is any plain value
    """Return plain data whose texts hold no control characters, which have no place in what is signed."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub(" ", value)
    if isinstance(value, Mapping):
        return {str(name): cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(part) for part in value]
    return value


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root}


def _checkpoint(said: _Ledger) -> Checkpoint:
    return Checkpoint(said.origin, said.size, said.root)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
