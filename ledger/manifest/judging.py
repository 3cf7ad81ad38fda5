"""Judges what a manifest says, once its signatures are believed: is it about this, is it now, does it say yes?

Rules:
- The order is fixed: what it is about, when, by which policy; then what it says; then what it rests on. The shell
  verifier has the same.
- What is expected comes from whoever verifies: commit, environment, artefacts, policy and clock.
- A clock may be wrong by a minute; a statement from further in the future is refused.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn

from ledger.manifest.statement import Manifest
from ledger.trust.policy import EnvironmentPolicy
from ledger.trust.refusal import RefusedError

SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What whoever verifies is about to do.

    Attributes:
        commit: Commit that is deployed.
        environment: Where to.
        subjects: Name of each artefact to its SHA-256 (hex).
        policy: What the environment demands.
        policy_digest: SHA-256 (hex) of the policy at the protected ref.
        at: The moment.
    """

    commit: str
    environment: str
    subjects: Mapping[str, str]
    policy: EnvironmentPolicy
    policy_digest: str
    at: datetime


def check_fits(manifest: Manifest, expected: Expected, where: str) -> None:
    """Refuse a manifest that is about something else, or not about now.

    Raises:
        RefusedError: ``subjects``, ``commit``, ``environment``, ``from_the_future``, ``expired``, ``validity`` or
            ``policy``.
    """
    if sorted(manifest.subjects.values()) != sorted(expected.subjects.values()):
        named = ", ".join(sorted(manifest.subjects))
        _refuse("subjects", f"{where} is about {named} with other digests than the artefacts that are to be deployed")
    if manifest.commit != expected.commit:
        told = f"{where} is about commit {manifest.commit[:12]}, and {expected.commit[:12]} is to be deployed"
        _refuse("commit", told)
    if manifest.environment != expected.environment:
        told = f"{where} is for {manifest.environment!r}, and the deployment is to {expected.environment!r}"
        _refuse("environment", told)
    if manifest.verified > expected.at + SKEW:
        _refuse("from_the_future", f"{where} was judged at {manifest.verified.isoformat()}, which has not come yet")
    if manifest.expires <= expected.at:
        _refuse("expired", f"{where} has expired at {manifest.expires.isoformat()}; build and sign another")
    if manifest.expires - manifest.verified > timedelta(seconds=expected.policy.max_age_s):
        told = f"{where} would be valid for longer than the {expected.policy.max_age_s:,} s that the policy allows"
        _refuse("validity", told)
    if manifest.policy_digest != expected.policy_digest:
        _refuse("policy", f"{where} was judged by another policy than that of the protected ref; judge again")


def check_says_yes(manifest: Manifest, policy: EnvironmentPolicy, where: str) -> None:
    """Refuse a manifest that does not say that every critical item holds.

    Raises:
        RefusedError: ``failed``, ``items`` or ``critical_item``.
    """
    if not manifest.passed:
        _refuse("failed", f"{where} says that the commit is not ready")
    counts = Counter(item.name for item in manifest.items)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        _refuse("items", f"{where} tells the item {twice[0]} twice")
    missing = sorted(set(policy.required_items) - set(counts))
    if missing:
        _refuse("items", f"{where} does not tell the required item {missing[0]}")
    for item in manifest.items:
        required = item.critical or item.name in policy.required_items
        if required and not item.holds:
            _refuse("critical_item", f"{where} says that the critical item {item.name} does not hold")
        if item.name in policy.required_items and not item.critical:
            _refuse("critical_item", f"{where} tells the required item {item.name} as one that only advises")


def check_baselines(manifest: Manifest, committed: Mapping[str, str], where: str) -> None:
    """Refuse a manifest that rests on other baselines than the commit has.

    Args:
        manifest: What is judged.
        committed: Path below ``baselines/`` to SHA-256 (hex), of the commit.
        where: What to call the manifest in messages.

    Raises:
        RefusedError: ``baseline_path`` or ``baselines``.
    """
    for path in manifest.baselines:
        parts = path.split("/")
        if path.startswith("/") or "\\" in path or any(part in {"", ".", ".."} for part in parts):
            _refuse("baseline_path", f"{where} names the baseline {path[:80]!r}, which lies outside of baselines/")
    for path in sorted({*manifest.baselines, *committed}):
        if manifest.baselines.get(path) != committed.get(path):
            _refuse("baselines", f"{where} and the commit differ in the baseline {path}")


def _refuse(reason: str, message: str) -> NoReturn:
    raise RefusedError(message, reason)
