"""Asks an SSH agent for a signature over bare bytes, and has an agent for the time of a block.

Source: draft-ietf-sshm-ssh-agent, 3.5 (listing) and 3.6 (signing).

Rules:
- A raw Ed25519 signature is what in-toto tools and OpenSSL verify; ssh-keygen itself only makes SSH signatures.
- Where the agent at hand holds a key, it signs, and no file of the private key is opened.
- A key file is loaded into an agent of its own by ssh-add, which asks for the passphrase; nothing else reads it.
"""

import base64
import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ledger.attestation.programs import environment, person
from ledger.attestation.sshsig import take, told
from ledger.errors import ConfigurationError, StoreError

SOCKET: Final = "SSH_AUTH_SOCK"
ED25519: Final = "ssh-ed25519"
_LIST_REQUEST: Final = b"\x0b"
_LIST_RESPONSE: Final = 12
_SIGN_REQUEST: Final = b"\x0d"
_SIGN_RESPONSE: Final = 14
_COUNT_BYTES: Final = 4
_LONGEST_ANSWER: Final = 256 * 1024  # as OpenSSH's own agent has it
_ASK_S: Final = 120.0
_LIFETIME_S: Final = "600"
"""Should this process be killed, what it gave to an agent that stays behind ends by itself."""
_SIGNATURE_BYTES: Final = 64


@contextlib.contextmanager
def agent_with(key: Path) -> Iterator[dict[str, str]]:
    """Give an environment whose agent holds a key: the agent at hand where it has it, else a new one.

    Args:
        key: A private key file, or a ``.pub`` file.

    Raises:
        ConfigurationError: No agent holds the key and there is no file of it, or it cannot be loaded.
        StoreError: There is no ssh-agent.
    """
    at_hand = os.environ.get(SOCKET, "")
    if at_hand and _blob_beside(key) in held(at_hand):
        yield environment(asking=True) | {SOCKET: at_hand}
        return
    if key.suffix == ".pub":
        why = "the ssh-agent at hand does not hold it" if at_hand else f"no ssh-agent is at hand ({SOCKET})"
        message = f"{key} is a public key, and {why}; ssh-add the private key, or name it"
        raise ConfigurationError(message)
    if not key.is_file():
        message = f"there is no key {key}; name a private key, or the .pub file of a key that ssh-agent holds"
        raise ConfigurationError(message)
    with _own_agent() as own:
        _load(key, own)
        yield own


@contextlib.contextmanager
def _own_agent() -> Iterator[dict[str, str]]:
    """Give an environment with a new agent, which ends with the context."""
    given = environment(asking=True)
    try:
        started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, env=given, check=True)  # noqa: S607 - ssh is where the user has it
    except (OSError, subprocess.CalledProcessError) as error:
        message = "ssh-agent is not installed; install OpenSSH (Debian: apt-get install openssh-client)"
        raise StoreError(message) from error
    own = given | dict(re.findall(r"(SSH_AUTH_SOCK|SSH_AGENT_PID)=([^;]+);", started.stdout))
    try:
        yield own
    finally:
        subprocess.run(["ssh-agent", "-k"], env=own, capture_output=True, check=False)  # noqa: S607 - ssh is where the user has it


def _load(key: Path, own: dict[str, str]) -> None:
    """Have ssh-add load a key; it asks for the passphrase in the terminal."""
    with person() as given:
        added = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["ssh-add", "-q", "-t", _LIFETIME_S, "--", str(key)],  # noqa: S607 - ssh is where the user has it
            env=own,
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if added.returncode != 0:
        raise ConfigurationError(_why(key, " ".join(added.stderr.replace("@", " ").split())[:200]))


def _why(key: Path, told_by_ssh: str) -> str:
    """Return why a key cannot be loaded, and what to do."""
    if "UNPROTECTED" in told_by_ssh or "too open" in told_by_ssh:
        return f"{key} cannot be used, for others may read it; take that away with `chmod 600 {key}`"
    if not told_by_ssh or "passphrase" in told_by_ssh:
        why = "its passphrase is wrong, or there was no terminal to ask for it"
        return f"{key} cannot be used: {why}; give it to an agent with `ssh-add {key}` first"
    return f"{key} cannot be used ({told_by_ssh}); name a private key that only you can read"


def _blob_beside(key: Path) -> bytes | None:
    """Return the key in the public file of a key, ``None`` where there is none."""
    try:
        return base64.b64decode(public_file(key).read_text(encoding="utf-8").split()[1], validate=True)
    except (OSError, ValueError, IndexError):
        return None


def public_file(key: Path) -> Path:
    """Return where the public half of a key is."""
    return key if key.suffix == ".pub" else Path(f"{key}.pub")


def held(agent: str) -> list[bytes]:
    """Return the keys (SSH wire format) that an agent holds; none where it does not answer."""
    found = []
    try:
        rest = _ask(agent, _LIST_REQUEST, _LIST_RESPONSE)[_COUNT_BYTES:]
        while rest:
            blob, rest = take(rest)
            _, rest = take(rest)
            found.append(blob)
    except (OSError, ValueError):
        return []
    return found


def raw_ed25519(data: bytes, blob: str, agent: Mapping[str, str]) -> bytes | None:
    """Return the Ed25519 signature (64 bytes) of some bytes by a key that an agent holds, ``None`` where it refuses.

    Args:
        data: What is signed.
        blob: The key in SSH wire format, base64.
        agent: Variables that name the agent.
    """
    request = _SIGN_REQUEST + told(base64.b64decode(blob)) + told(data) + bytes(4)
    try:
        signature, _ = take(_ask(agent[SOCKET], request, _SIGN_RESPONSE))
        kind, rest = take(signature)
        raw, _ = take(rest)
    except (OSError, ValueError, KeyError):
        return None
    return raw if kind.decode("ascii", "replace") == ED25519 and len(raw) == _SIGNATURE_BYTES else None


def _ask(place: str, request: bytes, expected: int) -> bytes:
    """Return what follows the type of an agent's answer.

    Raises:
        OSError: It does not answer.
        ValueError: Its answer is cut off, too long, or of another type than the one that is expected.
    """
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(_ASK_S)
        agent.connect(place)
        agent.sendall(told(request))
        length = int.from_bytes(_exactly(agent, _COUNT_BYTES), "big")
        answer = _exactly(agent, length) if length <= _LONGEST_ANSWER else b""
    if not answer or answer[0] != expected:
        message = "the agent refuses"
        raise ValueError(message)
    return answer[1:]


def _exactly(agent: socket.socket, count: int) -> bytes:
    """Return so many bytes of an answer."""
    data = b""
    while len(data) < count:
        part = agent.recv(count - len(data))
        if not part:
            message = "the agent hung up"
            raise ValueError(message)
        data += part
    return data
