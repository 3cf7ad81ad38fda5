"""What git says about the code that runs.

Rules:
- Variables that redirect git (``GIT_DIR`` and friends) are taken away, so that the answer is about the directory asked.
- No lock is taken and no index is refreshed: looking must not disturb a person who works in the repository.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class CodeState:
    """The commit (40 or 64 hex digits), and whether tracked files differ from it."""

    commit: str
    dirty: bool


def code_state(directory: Path) -> CodeState | None:
    """Return the state of the repository a directory lies in, ``None`` without repository, commit or git."""
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not commit:
        return None
    changed = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return CodeState(commit.strip(), bool(changed)) if changed is not None else None


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git printed, ``None`` where it failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # a file name need not be UTF-8
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
