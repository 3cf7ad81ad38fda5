"""Reads once in a process of its own and tells CPU seconds, wall seconds and peak memory as JSON.

A process of its own, so that no reader profits from what another left in memory. It has read a small history before,
so that imports and first calls are not counted: they cost each library the same at any size.
"""

import hashlib
import json
import re
import sys
import time
from pathlib import Path

from tests.benchmarks.store.readers import READERS, Answer, Sources


def main() -> None:
    """Read as the arguments say: name of the reader, then three paths of a small and of the real history."""
    name, *paths = sys.argv[1:]
    small, real = Sources(*map(Path, paths[:3])), Sources(*map(Path, paths[3:]))
    READERS[name](small)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Begins the high-water mark anew: proc(5).
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    answer = READERS[name](real)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_bytes = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    told = {"cpu_s": cpu_s, "wall_s": wall_s, "peak_bytes": peak_bytes, "answer": digest(answer)}
    sys.stdout.write(json.dumps(told) + "\n")


def digest(answer: Answer) -> str:
    """Return what equal answers have in common: medians to nine digits, since they are means of two values."""
    rounded = {"/".join(key): [f"{middle:.9g}", last] for key, (middle, last) in answer.items()}
    text = json.dumps(rounded, sort_keys=True)
    return f"{len(answer)}:{hashlib.sha256(text.encode()).hexdigest()[:12]}" if answer else ""


if __name__ == "__main__":
    main()
