"""Asks an SSH agent for a signature over bare bytes, and has an agent for the time of a block.

Source: draft-ietf-sshm-ssh-agent, 3.6 (signing).

Rules:
- A raw Ed25519 signature is what in-toto tools and OpenSSL verify; ssh-keygen itself only makes SSH signatures.
- A key file is loaded into an agent of its own by ssh-add, which asks for the passphrase; nothing else reads it.
"""

import base64
import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.attestation.sshsig import take, told
from ledger.errors import ConfigurationError, StoreError

SOCKET: Final = "SSH_AUTH_SOCK"
ED25519: Final = "ssh-ed25519"
_SIGN_REQUEST: Final = b"\x0d"
_SIGN_RESPONSE: Final = 14
_ASK_S: Final = 120.0
_LIFETIME_S: Final = "600"
"""Should this process be killed, what it gave to an agent that stays behind ends by itself."""
_SIGNATURE_BYTES: Final = 64


@contextlib.contextmanager
def agent_with(key: Path) -> Iterator[dict[str, str]]:
    """Give an environment whose agent holds a key: the one at hand for a ``.pub`` file, a new one for a private key.

    Raises:
        ConfigurationError: No agent is at hand, or the key cannot be loaded.
        StoreError: There is no ssh-agent.
    """
    if key.suffix == ".pub":
        if SOCKET not in os.environ:
            message = f"{key} is a public key and no ssh-agent is at hand ({SOCKET}); start one and ssh-add the key"
            raise ConfigurationError(message)
        yield dict(os.environ)
        return
    if not key.is_file():
        message = f"there is no key {key}; name a private key, or the .pub file of a key that ssh-agent holds"
        raise ConfigurationError(message)
    try:
        started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True)  # noqa: S607 - ssh is where the user has it
    except (OSError, subprocess.CalledProcessError) as error:
        message = "ssh-agent is not installed; install OpenSSH (Debian: apt-get install openssh-client)"
        raise StoreError(message) from error
    found = dict(re.findall(r"(SSH_AUTH_SOCK|SSH_AGENT_PID)=([^;]+);", started.stdout))
    environment = os.environ | found
    try:
        added = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["ssh-add", "-q", "-t", _LIFETIME_S, "--", str(key)],  # noqa: S607 - ssh is where the user has it
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if added.returncode != 0:
            said = " ".join((added.stderr or "it said nothing").split())[:200]
            message = f"{key} cannot be used ({said}); name a private key that only you can read"
            raise ConfigurationError(message)
        yield environment
    finally:
        subprocess.run(["ssh-agent", "-k"], env=environment, capture_output=True, check=False)  # noqa: S607 - ssh is where the user has it


def raw_ed25519(data: bytes, blob: str, environment: dict[str, str]) -> bytes | None:
    """Return the Ed25519 signature (64 bytes) of some bytes by a key that an agent holds, ``None`` where it refuses.

    Args:
        data: What is signed.
        blob: The key in SSH wire format, base64.
        environment: Names the agent.
    """
    request = _SIGN_REQUEST + told(base64.b64decode(blob)) + told(data) + bytes(4)
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(_ASK_S)
            agent.connect(environment[SOCKET])
            agent.sendall(told(request))
            answer = _exactly(agent, int.from_bytes(_exactly(agent, 4), "big"))
        if not answer or answer[0] != _SIGN_RESPONSE:
            return None
        signature, _ = take(answer[1:])
        kind, rest = take(signature)
        raw, _ = take(rest)
    except (OSError, ValueError, KeyError):
        return None
    return raw if kind.decode("ascii", "replace") == ED25519 and len(raw) == _SIGNATURE_BYTES else None


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
