"""Does something in a process of its own and tells what came of it, also where that process is killed.

Rules:
- The caller only forks: it never starts a thread, so that its children may.
- Lines of a pipe are whole or absent: each is one write(2) of less than PIPE_BUF bytes, or is read to the end by the
  parent.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Tell = Callable[..., None]
_CRASHED: Final = 99


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child came to its end.

    Attributes:
        told: What it told before, each a list.
        signal: The signal that killed it, 0 for none.
        code: Its exit code.
        traceback: The last line of what it raised, if it raised what no ledger should raise.
    """

    told: list[list[Any]]
    signal: int
    code: int
    traceback: str


def in_child(work: Callable[[Tell], None]) -> Ending:
    """Fork, do some work there, and return what it told.

    Args:
        work: Gets a function that tells its arguments, as JSON, at once.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        real_write = os.write
        try:
            work(lambda *words: _write(real_write, writing, words))
        except BaseException:  # noqa: BLE001 - whatever it was, a forked child must not go on as its parent
            text = traceback.format_exc()
            sys.stderr.write(text)
            sys.stderr.flush()
            _write(real_write, writing, ("traceback", text.splitlines()[-1]))
            os._exit(_CRASHED)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = [json.loads(line) for line in pipe.read().splitlines()]
    _, status = os.waitpid(pid, 0)
    raised = "".join(words[1] for words in told if words[0] == "traceback")
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Ending(told, signal, os.waitstatus_to_exitcode(status), raised)


def _write(write: Callable[[int, bytes], int], descriptor: int, words: tuple[Any, ...]) -> None:
    data = json.dumps(words).encode() + b"\n"
    while data:
        data = data[write(descriptor, data) :]
