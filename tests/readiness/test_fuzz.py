"""Two thousand and more manifests that are nearly right: none is taken, and none makes the verifier stumble."""

import base64
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.service.readiness import manifest_check
from ledger.trust.envelope import load
from ledger.trust.refusal import REASONS, RefusedError
from tests.readiness.site import Site, said

MUTANTS = 2_400
SEED = 20_261_126
VALUES = (None, True, 0, -1, 2**60, 1.5, "", "PASSED", "\u0000", "é", [], {}, [[]], "../x", "a" * 5000)


def flipped(rng: random.Random, data: bytes) -> bytes:
    """Change some bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cut(rng: random.Random, data: bytes) -> bytes:
    """Leave out a piece, put it in twice, or end early."""
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 200))
    return rng.choice((data[:start] + data[end:], data[:end] + data[start:], data[:start]))


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path of everything in a document."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for name, part in value.items() for place in places(part, (*path, name))]
    elif isinstance(value, list):
        found += [place for number, part in enumerate(value) for place in places(part, (*path, number))]
    return found


def restructured(rng: random.Random, document: dict) -> dict:
    """Change one thing of a document: its value, its name, or whether it is there."""
    changed = json.loads(json.dumps(document))
    path = rng.choice(places(changed))
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    how = rng.randrange(3)
    if how == 0:
        holder[path[-1]] = rng.choice(VALUES)
    elif how == 1 and isinstance(holder, dict):
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
    else:
        del holder[path[-1]]
    return changed


def mutant(rng: random.Random, data: bytes) -> bytes:
    document = json.loads(data)
    how = rng.randrange(5)
    if how == 0:
        return flipped(rng, data)
    if how == 1:
        return cut(rng, data)
    if how == 2:
        return json.dumps(restructured(rng, document)).encode()
    payload = base64.b64decode(document["payload"])
    if how == 3:
        changed = json.dumps(restructured(rng, json.loads(payload)), separators=(",", ":"), sort_keys=True).encode()
    else:
        changed = flipped(rng, payload)
    document["payload"] = base64.b64encode(changed).decode()
    return json.dumps(document).encode()


def says_the_same(data: bytes, good: bytes) -> bool:
    """Return whether a file is the same envelope, for instance with other blanks, or without a raw signature."""
    try:
        one, other = load(data, "m"), load(good, "m")
    except RefusedError:
        return False
    approvals = {each for each in other.signatures if each.keyid.startswith("ssh:")}
    return one.payload == other.payload and approvals <= set(one.signatures) <= set(other.signatures)


@pytest.mark.slow
def test_no_mutant_is_taken_and_none_makes_it_stumble(signed_site: Site, tmp_path: Path):
    rng = random.Random(SEED)
    good = (signed_site.place / "manifest.json").read_bytes()
    path, store = tmp_path / "mutant.json", signed_site.store()
    reasons: dict[str, int] = {}
    while sum(reasons.values()) < MUTANTS:
        data = mutant(rng, good)
        if says_the_same(data, good):
            continue
        path.write_bytes(data)
        asked = manifest_check.Asked(path=path, project=signed_site.project, environment="prod", at=datetime.now(UTC))
        with pytest.raises(RefusedError) as refusal:
            manifest_check.verify(asked, store)
        assert refusal.value.reason in REASONS
        assert "\n" not in str(refusal.value)
        reasons[refusal.value.reason] = reasons.get(refusal.value.reason, 0) + 1
    assert len(reasons) >= 6, reasons


@pytest.mark.slow
def test_mutants_get_one_sentence_and_their_code_from_the_program(signed_site: Site, tmp_path: Path):
    rng = random.Random(SEED + 1)
    good = (signed_site.place / "manifest.json").read_bytes()
    path = tmp_path / "mutant.json"
    for _ in range(40):
        data = mutant(rng, good)
        if says_the_same(data, good):
            continue
        path.write_bytes(data)
        for verb in ("verify", "explain"):
            code, out, errors = said(
                signed_site.project, "manifest", verb, str(path), "--ledger", str(signed_site.ledger)
            )
            assert code == 4
            assert "Traceback" not in out + errors
            assert len(errors.splitlines()) == (1 if verb == "verify" else 0)


def test_every_error_of_a_verifier_is_a_refusal_or_says_who_has_to_act():
    assert issubclass(RefusedError, LedgerError)
    assert all(name == name.lower() and text for name, text in REASONS.items())
