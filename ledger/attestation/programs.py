"""What OpenSSH's programs get from this process: few variables, and the terminal where they may ask somebody.

Rules:
- Only the variables named here reach them, so that none loads code into them or leads them to other files.
- Who asks for a passphrase reads the terminal, whatever this process's own input is.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import Final

_PLAIN: Final = ("PATH", "TMPDIR")
_ASKING: Final = (
    *("HOME", "USER", "LOGNAME", "TERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"),
    *("DBUS_SESSION_BUS_ADDRESS", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"),
)
_TERMINAL: Final = "/dev/tty"


def environment(*, asking: bool = False) -> dict[str, str]:
    """Return the variables of a program; it knows no agent.

    Args:
        asking: Whether it may ask a person for something.
    """
    names = (*_PLAIN, *_ASKING) if asking else _PLAIN
    return {name: os.environ[name] for name in names if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


@contextlib.contextmanager
def person() -> Iterator[int]:
    """Give what a program reads a person's answers from: the terminal, or nothing where there is none."""
    try:
        found = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield subprocess.DEVNULL
        return
    try:
        yield found
    finally:
        os.close(found)


def has_terminal() -> bool:
    """Return whether there is a terminal in which a person could be asked."""
    with person() as found:
        return found != subprocess.DEVNULL
