"""Signs and verifies through ssh-keygen, which everybody who uses git has.

Rules:
- Private keys are ssh-keygen's and the agent's business: nothing here ever reads one.
- Verifying uses a file with the one key that must have signed, so that no other line, pattern or option of a file of
  signers can make a difference.
- Both are about bytes and a namespace: a signature for one purpose is none for another.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ledger.attestation import programs, sshsig
from ledger.errors import ConfigurationError, StoreError
from ledger.trust.keys import Key

PROGRAM: Final = "ssh-keygen"
_VERIFY_S: Final = 30.0
_KEY_KIND: Final = "ed25519"


def sign(data: bytes, key: Path, namespace: str, *, environment: Mapping[str, str] | None = None) -> bytes:
    """Return the SSH signature (binary form) of some bytes.

    Args:
        data: What is signed.
        key: The key: a private key file, or the ``.pub`` file of a key that an agent holds.
        namespace: What the signature is for.
        environment: Environment of the program, with the agent to ask; without an agent when ``None``.

    Raises:
        ConfigurationError: There is no such key, the agent does not hold it, or its passphrase was wrong.
        StoreError: There is no ssh-keygen.
    """
    with tempfile.TemporaryDirectory(prefix="dagster-ledger-sign-") as place:
        message = Path(place) / "message"
        message.write_bytes(data)
        words = [PROGRAM, "-Y", "sign", "-f", str(key), "-n", namespace, str(message)]
        # Its input stays the terminal's, for the passphrase; what it says is only shown where it fails.
        done = _run(words, environment=environment)
        signature = message.with_name("message.sig")
        if done.returncode != 0 or not signature.exists():
            said = _last_line(done.stderr)
            text = f"{key} could not sign ({said}); name a private key, or the .pub file of a key that ssh-agent holds"
            raise ConfigurationError(text)
        return sshsig.bare(signature.read_text(encoding="ascii"))


def verifies(data: bytes, sig: bytes, key: Key, namespace: str) -> bool:
    """Return whether a signature (binary form) of some bytes is by a key, and for a purpose.

    The validity of the key in time is not asked here: it depends on a moment that the caller chooses.

    Raises:
        StoreError: There is no ssh-keygen.
    """
    with tempfile.TemporaryDirectory(prefix="dagster-ledger-verify-") as place:
        signers, signature = Path(place) / "signers", Path(place) / "signature"
        signers.write_text(f'{key.principal} namespaces="{namespace}" {key.kind} {key.blob}\n', encoding="ascii")
        signature.write_text(sshsig.armoured(sig), encoding="ascii")
        words = [PROGRAM, "-Y", "verify", "-f", str(signers), "-I", key.principal, "-n", namespace]
        return _run([*words, "-s", str(signature)], data=data).returncode == 0


def make_key(path: Path, comment: str, *, passphrase: bool) -> None:
    """Make an Ed25519 key.

    Args:
        path: Where; the public half gets ``.pub`` after its name.
        comment: Whose it is.
        passphrase: Whether ssh-keygen asks for a passphrase, in the terminal.

    Raises:
        ConfigurationError: There is a file already, or it cannot be made.
        StoreError: There is no ssh-keygen.
    """
    if path.exists() or Path(f"{path}.pub").exists():
        message = f"{path} is there already; name it with --key to use it, or choose another name"
        raise ConfigurationError(message)
    if passphrase and not programs.has_terminal():
        message = (
            "there is no terminal to ask for the passphrase of a new key; run it in one, name a key that is there with"
            " --key, or take --no-passphrase"
        )
        raise ConfigurationError(message)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make {path.parent} ({error.strerror}); choose another place with --key"
        raise StoreError(message) from error
    words = [PROGRAM, "-q", "-t", _KEY_KIND, "-C", comment, "-f", str(path)]
    if not passphrase:
        words += ["-N", ""]
    done = _run(words, shown=True)
    if done.returncode != 0:
        message = f"ssh-keygen could not make {path}; choose another place with --key"
        raise ConfigurationError(message)


def _run(
    words: list[str],
    *,
    data: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    shown: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Return what a program did."""
    try:
        with programs.person() as given:
            return subprocess.run(  # noqa: S603 - fixed program, no shell
                words,
                input=data,
                stdin=given if data is None else None,
                stdout=None if shown else subprocess.PIPE,
                stderr=None if shown else subprocess.PIPE,
                env=dict(environment) if environment else programs.environment(asking=data is None),
                timeout=None if data is None else _VERIFY_S,
                check=False,
            )
    except FileNotFoundError as error:
        message = f"{words[0]} is not installed; install OpenSSH 8.2 or newer (Debian: apt-get install openssh-client)"
        raise StoreError(message) from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, b"", b"")


def _last_line(text: bytes | None) -> str:
    lines = (text or b"").decode("utf-8", "replace").strip().splitlines()
    return " ".join(lines[-1].split())[:200] if lines else "it said nothing"
