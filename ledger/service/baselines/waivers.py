"""Finds, makes and checks waivers: their files in a commit, and whose signature counts on the protected ref.

Rules:
- Whose signature counts is what the protected ref says at its tip, so that a key that was revoked since counts no more,
  and one that the pull request adds does not count yet.
- Waivers are read from the commit that is judged, so they travel with the change that they are about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ledger import git
from ledger.attestation import public_key_of, signed_text, signer_of_text
from ledger.baselines.changing import GivenUp
from ledger.baselines.review import Signature
from ledger.baselines.waiver import (
    DIRECTORY,
    SUFFIX,
    SignedWaiver,
    WaivedChange,
    Waiver,
    file_name,
    read_waiver,
    text_of,
)
from ledger.errors import ConfigurationError, StoreError
from ledger.service.baselines import accepted
from ledger.service.baselines.pull_request import PullRequest
from ledger.service.trust.root import trusted
from ledger.trust.keys import BASELINE_NAMESPACE
from ledger.trust.policy import WAIVER_ROLE
from ledger.trust.refusal import RefusedError
from ledger.trust.root import TrustRoot

_DEPTH: Final = 3
"""Parts of a waiver's path below the directory of baselines."""


def waivers_at(project: Path, request: PullRequest) -> tuple[SignedWaiver, ...]:
    """Return the waivers that the head of a pull request holds, by path.

    Args:
        project: Directory of the project.
        request: Its commits.

    Raises:
        BaselineFormatError: A file is no waiver.
    """
    below = f"{accepted.DIRECTORY}/{DIRECTORY}"
    found = git.files_at(project, request.head, below) or {}
    before = git.files_at(project, request.base, below) or {}
    return tuple(
        replace(read_waiver(data, f"{request.head_shown}:{below}/{path}"), is_new=before.get(path) != data)
        for path, data in sorted(found.items())
        if path.endswith(SUFFIX)
    )


@dataclass
class Signatures:
    """Tells whose signature a waiver has; the trust root is read when the first waiver asks for it.

    Attributes:
        project: Directory of the project.
        ref: Full name of the protected ref.
        at: Moment at which keys must be valid.
    """

    project: Path
    ref: str
    at: datetime
    _root: TrustRoot | None = field(default=None, repr=False)

    def __call__(self, signed: SignedWaiver) -> Signature:
        """Return who signed a waiver, or why the signature does not count."""
        try:
            if self._root is None:
                self._root = trusted(self.project, self.ref).root
            found = signer_of_text(signed.text, signed.signature, self._root, BASELINE_NAMESPACE, self.at, "it")
        except RefusedError as error:
            return Signature(refused=(error.reason, f"does not count: {error.sentence}"))
        return Signature(found.principal, None if WAIVER_ROLE in found.roles else WAIVER_ROLE)


def make(
    project: Path,
    given_up: Sequence[GivenUp],
    key: Path,
    *,
    ref: str,
    reason: str,
    at: datetime,
    lasts: timedelta,
    longest: timedelta,
) -> Path:
    """Write a signed waiver of changes into the work tree, and return its path.

    Args:
        project: Directory of the project.
        given_up: What is waived.
        key: Private key, or the ``.pub`` file of one that an agent holds.
        ref: Full name of the protected ref.
        reason: Why.
        at: Now.
        lasts: How long it is valid.
        longest: How long waivers may be valid.

    Raises:
        ConfigurationError: Nothing is to be waived, it would last for too long, or the key's signature would not count.
        RefusedError: There is no trust root on the protected ref.
        StoreError: It cannot be written.
    """
    if not given_up:
        message = "nothing needs a waiver here: no change that is named gives anything up"
        raise ConfigurationError(message)
    if lasts > longest:
        message = (
            f"a waiver is valid for at most {longest.days} days (regression.max_waiver_days); give less with --for"
        )
        raise ConfigurationError(message)
    waiver = Waiver(
        signer=_principal(project, key, ref),
        expires=(at + lasts).replace(microsecond=0),
        reason=reason,
        changes=tuple(
            WaivedChange(
                subject=one.subject,
                was=one.was,
                becomes=one.becomes,
                allows=tuple(loosening.what for loosening in one.loosenings),
            )
            for one in given_up
        ),
    )
    text = text_of(waiver)
    path = project / accepted.DIRECTORY / file_name(waiver)
    signature = signed_text(text.encode(), key, BASELINE_NAMESPACE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + signature, encoding="ascii", newline="\n")
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}; correct its permissions"
        raise StoreError(message) from error
    return path


def _principal(project: Path, key: Path, ref: str) -> str:
    """Return whose key it is on the protected ref, who may waive."""
    root = trusted(project, ref).root
    _, blob = public_key_of(key)
    found = next((one for one in root.keys if one.blob == blob), None)
    if found is None:
        message = f"{key} is not among the keys of {root.where}, so its signature would not count; have it merged first"
        raise ConfigurationError(message)
    if WAIVER_ROLE not in root.roles_of(found.principal):
        message = (
            f"{found.principal} has not the role {WAIVER_ROLE!r} in {root.where}/policy.json, so may sign no waivers;"
            " ask somebody who has, or have it given by a pull request"
        )
        raise ConfigurationError(message)
    return found.principal
