"""The machine probe: a fixed piece of work, timed, so that a slow machine can be told from slow code.

Rules:
- The work never changes; when it must, ``PROBE_VERSION`` grows and figures of two versions are not compared.
- It mixes what pipelines do: interpreting, hashing, moving memory. The fastest of three slices is taken and scaled,
  since an interruption can only make a slice slower.
"""

import hashlib
import time
from typing import Final

PROBE_VERSION: Final = 1
_SLICES: Final = 3
_LOOPS: Final = 40_000
_BLOCK: Final = bytes(range(256)) * 4096
_COPIES: Final = 4


def run_probe() -> float:
    """Return the seconds three slices of the fixed work take at their best: about 0.03 on a machine of 2020."""
    return min(_slice() for _ in range(_SLICES)) * _SLICES


def _slice() -> float:
    """Return the seconds one slice took."""
    began = time.perf_counter()
    state = 1
    for step in range(_LOOPS):
        state = (state * 1103515245 + step) & 0x7FFFFFFF
    digest = hashlib.sha256(_BLOCK)
    for _ in range(_COPIES):
        digest.update(bytearray(_BLOCK)[:4096])
    digest.update(str(state).encode())
    digest.digest()
    return time.perf_counter() - began
