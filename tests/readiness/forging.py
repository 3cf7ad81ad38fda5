"""Manifests as somebody would make them who wants one to be taken for what it is not."""

import copy
import json
import subprocess
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import rfc8785

from ledger.attestation import signed
from ledger.attestation.agent import agent_with
from ledger.attestation.signing import public_key_of
from ledger.attestation.ssh_keygen import sign as ssh_sign
from ledger.trust.envelope import IN_TOTO, Envelope, Signature, dump, load
from ledger.trust.keys import MANIFEST_NAMESPACE, fingerprint
from tests.readiness.site import ALICE, BOB, Site

Change = Callable[[dict[str, Any]], None]


def envelope_of(site: Site) -> Envelope:
    return load((site.place / "manifest.json").read_bytes(), "m")


def document_of(site: Site) -> dict[str, Any]:
    return json.loads(envelope_of(site).payload)


def signed_as(
    site: Site, payload: bytes, keys: Sequence[Path] = (), *, namespace: str = MANIFEST_NAMESPACE, name: str = "forged"
) -> Path:
    """Write a manifest with a payload and real signatures of keys, those of both approvers where none is named."""
    envelope = Envelope(IN_TOTO, payload)
    for key in keys or (site.key(ALICE), site.key(BOB)):
        envelope = signed(envelope, key, namespace)
    return written(site, dump(envelope), name)


def written(site: Site, data: bytes, name: str = "forged") -> Path:
    path = site.place / f"{name}.json"
    path.write_bytes(data)
    return path


def resigned(site: Site, change: Change, keys: Sequence[Path] = ()) -> Path:
    """Write a manifest whose statement was changed, signed anew by both approvers: as who holds their keys can."""
    document = copy.deepcopy(document_of(site))
    change(document)
    return signed_as(site, rfc8785.dumps(document), keys)


def with_text(site: Site, change: Callable[[str], str]) -> Path:
    """Write the good manifest with its text changed."""
    return written(site, change((site.place / "manifest.json").read_text()).encode())


def over_bare_payload(site: Site) -> Path:
    """Write a manifest whose signatures are over the payload alone, not over its encoding with the type."""
    envelope = envelope_of(site)
    forged = Envelope(IN_TOTO, envelope.payload)
    for principal in (ALICE, BOB):
        key = site.key(principal)
        with agent_with(key) as environment:
            _, blob = public_key_of(key)
            sig = ssh_sign(
                envelope.payload, key.with_name(f"{key.name}.pub"), MANIFEST_NAMESPACE, environment=environment
            )
        forged = forged.with_signatures(Signature(f"ssh:{fingerprint(blob)}", sig))
    return written(site, dump(forged))


def only(site: Site, *keep: str) -> Path:
    """Write the good manifest with the signatures left whose key ids begin so."""
    envelope = envelope_of(site)
    kept = tuple(one for one in envelope.signatures if one.keyid.startswith(keep))
    return written(site, dump(Envelope(IN_TOTO, envelope.payload, kept)))


def shell(site: Site, path: Path, *words: str, cwd: Path | None = None) -> tuple[int, str]:
    """Run the shell verifier; return its exit code and the reason that it gives."""
    script = files("ledger.attestation").joinpath("verify_manifest.sh")
    done = subprocess.run(
        ["sh", str(script), *words, str(path)], cwd=cwd or site.project, capture_output=True, text=True, check=False
    )
    return done.returncode, reason_in(done.stderr) if done.returncode else done.stdout


def reason_in(text: str) -> str:
    """Return the reason code that a refusal names, the whole text where it names none."""
    _, opened, rest = text.partition("refused (")
    return rest.partition(")")[0] if opened else text
