"""``python -m tests.durability``: enumerates the faults, counts what came of them, and writes the table."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from tests.durability.scenes import SCENES

_BEGIN: Final = "<!-- durability: begin -->"
_END: Final = "<!-- durability: end -->"
_KINDS: Final = {
    "killed before or after": ("kill before", "kill after"),
    "torn or short write": ("torn", "short"),
    "EIO, EINTR, EACCES, ENOSPC": ("EIO", "EINTR", "EACCES", "ENOSPC"),
    "full or read-only from then on": ("full", "read-only"),
    "power cut": ("power cut",),
}


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scene.

    Attributes:
        scene: Its name.
        calls: Calls to the operating system.
        faults: Number of faults by kind.
        looked_at: Different states that were looked at, twice each.
        violations: What was wrong.
    """

    scene: str
    calls: int
    faults: dict[str, int]
    looked_at: int
    violations: list[str]


def played(scene: str, stride: int, cut_stride: int) -> Played:
    """Play a scene with all its faults in a process of its own, which never had a thread."""
    words = [sys.executable, "-m", "tests.durability", "--scene", scene, "--json"]
    words += ["--stride", str(stride), "--cut-stride", str(cut_stride)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": ".:cli"})
    if done.returncode not in {0, 1}:
        raise RuntimeError(done.stderr)
    return Played(**json.loads(done.stdout))


@click.command()
@click.option("--scene", type=click.Choice(tuple(SCENES)), help="Only this one.")
@click.option("--stride", default=1, help="Only each N-th fault.")
@click.option("--cut-stride", default=1, help="Only each N-th disk image after a power cut.")
@click.option("--json", "as_json", is_flag=True, help="Tell one scene to a program.")
@click.option("--write", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Write the table there.")
def main(scene: str | None, stride: int, cut_stride: int, *, as_json: bool, write: Path | None) -> None:
    """Let every system call of the store go wrong, and hold the ledger against what must be so."""
    if as_json:
        found = _play_here(scene or next(iter(SCENES)), stride, cut_stride)
        click.echo(json.dumps(found))
        sys.exit(1 if found["violations"] else 0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        names = [scene] if scene else list(SCENES)
        results = list(pool.map(lambda name: played(name, stride, cut_stride), names))
    text = table(results)
    click.echo(text)
    if write is not None:
        page = write.read_text(encoding="utf-8")
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        write.write_text(f"{before}{_BEGIN}\n{text}{_END}{after}", encoding="utf-8")
    wrong = [line for result in results for line in result.violations]
    click.echo("\n".join(wrong[:50]), err=True)
    sys.exit(1 if wrong else 0)


def table(results: list[Played]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| what is interrupted | system calls | " + " | ".join(_KINDS) + " | states checked | violations |",
        "|---" + "|---:" * (len(_KINDS) + 3) + "|",
    ]
    sums: Counter[str] = Counter()
    for result in results:
        counts = {kind: sum(result.faults.get(name, 0) for name in names) for kind, names in _KINDS.items()}
        sums.update(counts)
        figures = [result.calls, *counts.values(), result.looked_at, len(result.violations)]
        lines.append(f"| {result.scene} | " + " | ".join(f"{figure:,}" for figure in figures) + " |")
    figures = [sum(result.calls for result in results), *(sums[kind] for kind in _KINDS)]
    figures += [sum(result.looked_at for result in results), sum(len(result.violations) for result in results)]
    lines.append("| **all** | " + " | ".join(f"**{figure:,}**" for figure in figures) + " |")
    return "\n".join(lines) + "\n"


def _play_here(name: str, stride: int, cut_stride: int) -> dict[str, Any]:
    """Play a scene in this process, which only forks."""
    from tests.durability.faults import play_all  # noqa: PLC0415 - the caller of many scenes does not need it
    from tests.durability.power_cut import cut_all  # noqa: PLC0415 - the same

    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made there; a power cut is computed, not waited for
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        outcome = play_all(SCENES[name], Path(place) / "faults", stride=stride)
        cuts = cut_all(SCENES[name], Path(place) / "cuts", stride=cut_stride)
    return {
        "scene": name,
        "calls": outcome.calls,
        "faults": outcome.faults + cuts.faults,
        "looked_at": len(outcome.looked_at) + len(cuts.looked_at),
        "violations": outcome.violations + cuts.violations,
    }


if __name__ == "__main__":
    main()
