"""``python -m tests.benchmarks.enrich.child WAY AWARDS REGISTRY OUT``: one way, once, in a process of its own.

A way is the name of a design, or this pipeline with other settings, as JSON.

Prints wall and CPU seconds (those of its own processes too), the highest memory of the process, all of it and what no
file backs, and what else the design tells, as JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

from ledger.measure import Meter
from ledger.measure.anonymous import file_backed_bytes
from tests.benchmarks.enrich.designs import DESIGNS
from tests.benchmarks.enrich.pipeline import Ours


def main(name: str, awards: str, registry: str, out: str) -> None:
    """Run a way and tell what it took."""
    design = Ours(**json.loads(name)) if name.startswith("{") else DESIGNS[name]
    cpu_s, wall_s, meter = _cpu_s(), time.perf_counter(), Meter.start()
    told = dict(design(Path(awards), Path(registry), Path(out)))
    backed = file_backed_bytes()
    peak = meter.stop().peak_rss_bytes
    taken = {
        "wall_s": time.perf_counter() - wall_s,
        "cpu_s": _cpu_s() - cpu_s,
        "peak_bytes": peak,
        "anonymous_bytes": peak - backed,
    }
    sys.stdout.write(json.dumps(taken | told) + "\n")


def _cpu_s() -> float:
    """Return processor seconds of this process and of those it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main(*sys.argv[1:])
