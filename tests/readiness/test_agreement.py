"""Both verifiers give the same answer to statements that people who may sign have signed, however odd they are."""

import copy
import json
import random
from collections import Counter

import pytest
import rfc8785

from tests.readiness.forging import document_of, reason_in, shell, signed_as, written
from tests.readiness.site import Site, said
from tests.readiness.test_fuzz import mutant, places

SEED, ODD, BENT = 20_261_127, 40, 20
NOT_IN_SHELL = {"checkpoint", "ledger", "previous", "growth"}
"""Reasons that need the ledger."""

VALUES = (
    *(None, True, 0, -1, 1.5, 2**53, 1e300, "", "PASSED", "é", "\x7f", "a\nb", "\u2028", "../x"),
    *("2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", [], {}, [[]], {"a": {}}),
)


def bent(rng: random.Random, document: dict) -> bytes:
    """Return a statement in which one thing has another value, another name, or is gone; mostly not in the evidence."""
    changed = copy.deepcopy(document)
    path = rng.choice([path for path in places(changed) if "evidence" not in path[:-1] or rng.random() < 0.1])
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    how = rng.randrange(4)
    if how < 2:
        holder[path[-1]] = rng.choice(VALUES)
    elif how == 2 and isinstance(holder, dict):
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
    else:
        del holder[path[-1]]
    try:
        return rfc8785.dumps(changed)
    except rfc8785.CanonicalizationError:
        return json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.slow
def test_both_verifiers_agree_on_what_is_nearly_right(own: Site):
    rng = random.Random(SEED)
    document, good = document_of(own), (own.place / "manifest.json").read_bytes()
    reasons: Counter[str] = Counter()
    for number in range(ODD + BENT):
        data = mutant(rng, good) if number < BENT else None
        path = written(own, data) if data else signed_as(own, bent(rng, document))
        code, _, errors = said(own.project, "manifest", "verify", str(path), "--ledger", str(own.ledger))
        reason = reason_in(errors) if code else ""
        in_shell, told = shell(own, path)
        seen = (in_shell, told if in_shell else "")
        assert seen == (code, reason) or (reason in NOT_IN_SHELL and in_shell == 0), path.read_bytes()
        reasons[reason] += 1
    assert len(reasons) >= 6, reasons
