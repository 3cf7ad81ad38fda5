"""What a manifest must say to be acted upon, once it is known who signed it.

Rules:
- Each rule looks at one thing and refuses with a reason of its own; they are called in the order of the verifier.
- What is asked (commit, environment, files) comes from whoever deploys, and policy and baselines from git, never from
  the manifest.
- A manifest names exactly what is deployed: one file more is as wrong as one file less.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ledger.manifest.model import FAILED, PASSED, Digested, Manifest
from ledger.manifest.wire import written
from ledger.trust.refusal import Refused

CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far the clocks of two machines may be apart."""

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to do.

    Attributes:
        commit: Commit (hex) that is deployed.
        environment: Where to.
        subjects: What is deployed, with SHA-256 (hex).
        now: The moment.
    """

    commit: str
    environment: str
    subjects: tuple[Digested, ...]
    now: datetime


def subject(manifest: Manifest, asked: Asked) -> None:
    """Refuse a manifest for another commit, or for other, more or fewer files."""
    if manifest.commit != asked.commit:
        message = f"the manifest is for commit {manifest.commit}, not for {asked.commit}; build one for this commit"
        raise Refused("other-commit", message)
    digests = [one.sha256 for one in manifest.subjects]
    repeated = _repeated(digests)
    if repeated:
        raise Refused("subject-repeated", f"the manifest names {repeated[0]} more than once; build another one")
    if len(digests) != len({one.sha256 for one in asked.subjects}):
        message = (
            f"the manifest is for {len(digests)} things, but {len(asked.subjects)} are deployed; name all of them with"
            " --artifact, or build another manifest"
        )
        raise Refused("subject-count", message)
    for one in asked.subjects:
        if one.sha256 not in digests:
            message = f"the manifest is not for {one.name} (sha256 {one.sha256}); build one for it"
            raise Refused("other-subject", message)


def environment(manifest: Manifest, asked: Asked) -> None:
    """Refuse a manifest for another environment."""
    if manifest.environment != asked.environment:
        message = f"the manifest is for {manifest.environment!r}, not for {asked.environment!r}; build one for it"
        raise Refused("other-environment", message)


def time(manifest: Manifest, asked: Asked, max_age_s: int) -> None:
    """Refuse a manifest that is from the future, has expired, or holds longer than the policy lets it."""
    if manifest.verified > asked.now + CLOCK_SKEW:
        message = f"the manifest is from {written(manifest.verified)}, which is in the future; look at both clocks"
        raise Refused("from-the-future", message)
    if manifest.expires <= manifest.verified or manifest.expires > manifest.verified + timedelta(seconds=max_age_s):
        message = (
            f"the manifest holds from {written(manifest.verified)} to {written(manifest.expires)}, the policy allows"
            f" {max_age_s} seconds; build another one"
        )
        raise Refused("expiry-beyond-policy", message)
    if asked.now >= manifest.expires:
        raise Refused("expired", f"the manifest expired at {written(manifest.expires)}; build another one")


def policy(manifest: Manifest, policy_sha256: str) -> None:
    """Refuse a manifest that was made under another policy than the one on the protected ref."""
    if manifest.policy_sha256 != policy_sha256:
        message = (
            f"the manifest was made under policy {manifest.policy_sha256}, the protected ref has {policy_sha256}; build"
            " another one under that"
        )
        raise Refused("other-policy", message)


def checklist(manifest: Manifest, required: Sequence[str]) -> None:
    """Refuse a manifest whose checklist failed, or passed only because of what it leaves out.

    Args:
        manifest: The manifest.
        required: Names of the items that must hold.
    """
    if manifest.result == FAILED:
        failed = [str(item["name"]) for item in manifest.checklist if item["critical"] and not item["holds"]]
        message = f"the checklist failed: {', '.join(failed) or 'no item says why'}; correct that and build another one"
        raise Refused("result-failed", message)
    if manifest.result != PASSED:
        raise Refused("result-unknown", f"the result is {manifest.result!r}, neither PASSED nor FAILED")
    names = [str(item["name"]) for item in manifest.checklist]
    repeated = _repeated(names)
    if repeated:
        raise Refused("item-repeated", f"the checklist has {repeated[0]!r} more than once; build another one")
    by_name: Mapping[str, Mapping[str, object]] = dict(zip(names, manifest.checklist, strict=True))
    missing = sorted(set(required) - by_name.keys())
    if missing:
        raise Refused("item-missing", f"the checklist lacks {', '.join(missing)}, which the policy requires")
    for name in required:
        if by_name[name]["critical"] is not True:
            raise Refused("item-not-critical", f"{name!r} is not critical in the checklist, but the policy requires it")
    failed = [name for name, item in by_name.items() if item["critical"] and not item["holds"]]
    if failed:
        message = f"the result is PASSED, but {', '.join(failed[:_SHOWN])} does not hold; build another one"
        raise Refused("item-failed", message)


def baselines(manifest: Manifest, there: Sequence[Digested]) -> None:
    """Refuse a manifest that names other baselines than the commit has.

    Args:
        manifest: The manifest.
        there: All baseline files of the commit.
    """
    for one in manifest.baselines:
        if not _is_plain(one.name):
            message = f"the manifest names a baseline {one.name!r}, which is no path below baselines/"
            raise Refused("baseline-path", message)
    repeated = _repeated([one.name for one in manifest.baselines])
    if repeated:
        raise Refused("baseline-repeated", f"the manifest names {repeated[0]} more than once; build another one")
    told, held = ({one.name: one.sha256 for one in files} for files in (manifest.baselines, there))
    left_out, surplus = sorted(held.keys() - told.keys()), sorted(told.keys() - held.keys())
    if left_out:
        raise Refused("baseline-left-out", f"the manifest leaves out {_some(left_out)}; build another one")
    if surplus:
        raise Refused("baseline-unknown", f"the commit has no {_some(surplus)}; build another one")
    other = sorted(path for path, digest in held.items() if told[path] != digest)
    if other:
        raise Refused("other-baseline", f"the commit holds {_some(other)} with other content; build another one")


def _is_plain(path: str) -> bool:
    """Return whether a path stays below the directory of baselines."""
    parts = path.split("/")
    strange = {"", ".", ".."}.intersection(parts) or "\\" in path
    return parts[0] == "baselines" and len(parts) > 1 and not strange


def _repeated(values: Sequence[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(values[:_SHOWN]) + more
