"""Decides about changes of baselines: which are refused, each with its own reason.

Rules:
- What gives something up is refused unless its kind says so (``loosen``, ``retire``; ``rebase-profile`` where only the
  circumstances are others) and a waiver allows it: one for exactly this change, by somebody who may, that is not over.
- A change must follow what is accepted: ``supersedes`` is the digest of it. An older file that is put back follows
  something else.
- A reason of a refusal is one word of ``REASONS``, the same in every output.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from ledger.baselines.changing import REMOVED, EntryChange, GivenUp
from ledger.baselines.loosening import CIRCUMSTANCES, CODES
from ledger.baselines.names import profile_name
from ledger.baselines.waiver import SignedWaiver, WaivedChange, Waiver

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{code: f"{code.replace('_', ' ')}: something is given up without a waiver" for code in CODES},
        "kind": "a change gives something up and does not say so",
        "supersedes": "a change does not follow what is accepted",
        "profile": "an entry was measured on another machine than its profile says",
        "link": "something below baselines or config is no file of its own",
        "place": "a file below baselines lies where nothing reads it",
        "case": "two names differ in capitals only",
        "waiver_other_change": "a waiver is for another change",
        "waiver_allows": "a waiver allows less than is given up",
        "waiver_expired": "a waiver is over",
        "waiver_too_long": "a waiver is valid for longer than waivers may be",
        "waiver_signer": "a waiver is not signed by whom it names",
        "waiver_role": "a waiver is signed by somebody who may not",
        "waiver_no_trust_root": "the protected ref holds no trust root",
        "waiver_trust_root": "the trust root is not what it must be",
        "waiver_unknown_key": "a waiver is signed by a key that the protected ref does not name",
        "waiver_revoked_key": "a waiver is signed by a revoked key",
        "waiver_expired_key": "a waiver is signed by a key that is not valid now",
        "waiver_namespace": "a waiver's signature was made for another purpose",
        "waiver_bad_signature": "a waiver's signature does not fit it",
        "recomputed": "accepted values are not those of the ledger",
    }
)
"""Code to what it stands for."""

ALTERED: Final = frozenset({"recomputed", "supersedes", "waiver_bad_signature"})
"""Reasons that say that something is not what it was (exit code 4)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One reason why changes of baselines are refused: its code, what it is about, and a sentence."""

    reason: str
    about: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a waiver allowed: the change, who signed, until when, and why."""

    given_up: GivenUp
    signer: str
    expires: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a waiver's signature.

    Attributes:
        signer: Who made it.
        lacks: Role that the signer lacks to waive, ``None`` where they may.
        refused: Code and sentence why it does not count at all, ``None`` where it does.
    """

    signer: str | None = None
    lacks: str | None = None
    refused: tuple[str, str] | None = None


Check = Callable[[SignedWaiver], Signature]


def of_changes(found: Iterable[EntryChange]) -> list[Refused]:
    """Return what is wrong with changes themselves, waivers aside."""
    refused = []
    for one in found:
        about = _name(one)
        if one.after is not None and one.after.supersedes != one.was:
            refused.append(Refused("supersedes", about, _not_following(one)))
        if one.after is not None and (right := profile_name(one.after.current.machine)) != one.subject[0]:
            said = f"it was measured on {one.after.current.machine}, which is {right}; propose it for that profile"
            refused.append(Refused("profile", about, said))
        if one.loosenings and one.kind not in _kinds(one):
            codes = ", ".join(loosening.what for loosening in one.loosenings)
            said = f"its kind is {one.kind}, but {codes}; propose it with --loosen and the reason"
            refused.append(Refused("kind", about, said))
    return refused


def waived(
    given_up: Sequence[GivenUp],
    waivers: Sequence[SignedWaiver],
    check: Check,
    *,
    at: datetime,
    longest: timedelta,
) -> tuple[list[Refused], list[Allowed]]:
    """Return what is refused for want of a waiver, and what was allowed by one.

    Args:
        given_up: What needs a waiver.
        waivers: The waivers at hand.
        check: Tells whose signature a waiver has; called for waivers of the very change only.
        at: The moment that is judged.
        longest: How long waivers may be valid from now on.
    """
    refused: list[Refused] = []
    allowed: list[Allowed] = []
    for one in given_up:
        tried: list[Refused] = []
        for signed in waivers:
            entry = next((entry for entry in signed.waiver.changes if entry.subject == one.subject), None)
            if entry is None or not (signed.is_new or (entry.was, entry.becomes) == (one.was, one.becomes)):
                continue
            problem = _problem(one, entry, signed, check, at, longest)
            if problem is None:
                waiver = signed.waiver
                allowed.append(Allowed(one, waiver.signer, waiver.expires, waiver.reason))
                break
            tried.append(Refused(problem[0], one.name, f"{signed.where} {problem[1]}"))
        else:
            refused += tried or _unwaived(one)
    return refused, allowed


def _problem(
    one: GivenUp, entry: WaivedChange, signed: SignedWaiver, check: Check, at: datetime, longest: timedelta
) -> tuple[str, str] | None:
    """Return why a waiver does not allow a change: code, and a sentence without its beginning."""
    waiver = signed.waiver
    if (entry.was, entry.becomes) != (one.was, one.becomes):
        return "waiver_other_change", "waives another change of it; have this one waived with `baseline waive`"
    signature = check(signed)
    if signature.refused is not None:
        return f"waiver_{signature.refused[0]}", signature.refused[1]
    return _of_person(waiver, signature) or _of_terms(one, entry, waiver, at, longest)


def _of_person(waiver: Waiver, signature: Signature) -> tuple[str, str] | None:
    """Return why the person who signed a waiver may not."""
    if signature.signer != waiver.signer:
        return "waiver_signer", f"names {waiver.signer}, but {signature.signer} signed it; have it made anew"
    if signature.lacks is not None:
        return (
            "waiver_role",
            f"is signed by {waiver.signer}, who lacks the role {signature.lacks!r} on the protected ref",
        )
    return None


def _of_terms(
    one: GivenUp, entry: WaivedChange, waiver: Waiver, at: datetime, longest: timedelta
) -> tuple[str, str] | None:
    """Return why what a waiver says does not allow a change now."""
    if at >= waiver.expires:
        return "waiver_expired", f"was valid until {waiver.expires:%Y-%m-%d %H:%M} UTC; have a new one signed"
    if waiver.expires - at > longest:
        return "waiver_too_long", f"is valid for more than {longest.days} days; have one signed for less"
    missing = [loosening.what for loosening in one.loosenings if loosening.what not in entry.allows]
    return ("waiver_allows", f"does not allow that {missing[0]}; have it made anew") if missing else None


def _unwaived(one: GivenUp) -> list[Refused]:
    return [
        Refused(loosening.code, one.name, f"{loosening.what}; undo it, or have it waived with `baseline waive`")
        for loosening in one.loosenings
    ]


def _kinds(one: EntryChange) -> tuple[str, ...]:
    """Return the kinds of change that may give up what one gives up."""
    if one.kind == REMOVED or (one.after is not None and one.after.is_retired):
        return (one.kind,)
    only = all(loosening.code in CIRCUMSTANCES for loosening in one.loosenings)
    return ("loosen", "rebase-profile") if only else ("loosen",)


def _not_following(one: EntryChange) -> str:
    """Return in words what a change follows, and what it should."""
    told = one.after.supersedes if one.after is not None else None
    if one.was is None:
        return f"it supersedes {(told or '')[:12]}, but nothing is accepted here; propose it again"
    follows = "nothing" if told is None else told[:12]
    return (
        f"it supersedes {follows}, but {one.was[:12]} is accepted: it is an older state, or others changed it"
        " meanwhile; take the accepted file and propose again"
    )


def _name(one: EntryChange) -> str:
    return GivenUp(subject=one.subject, was="", becomes=None, loosenings=()).name
