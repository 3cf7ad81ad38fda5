"""Whatever goes wrong at whichever system call: nothing acknowledged is lost, nothing is there in part or twice."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.durability.__main__ import played
from tests.durability.scenes import SCENES

ROOT = Path(__file__).parents[2]
TRACED = "openat,write,fsync,link,linkat,unlink,unlinkat,mkdir,mkdirat,rename,renameat,renameat2,ftruncate,pwrite64"


@pytest.mark.slow
@pytest.mark.parametrize("scene", list(SCENES)[::3])
def test_a_sample_of_all_faults_is_survived(scene):
    outcome = played(scene, stride=83, cut_stride=211)
    assert outcome.violations == []
    assert sum(outcome.faults.values()) >= 1


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scene", SCENES)
def test_every_fault_at_every_call_is_survived(scene, record_property):
    outcome = played(scene, stride=1, cut_stride=1)
    record_property("faults", dict(outcome.faults))
    assert outcome.violations == []
    # Of each call that changes something there is a death before it and one after it.
    assert outcome.faults["kill before"] == outcome.faults["kill after"] > 0
    assert outcome.faults["power cut"] > 0


def _strace(*options: str) -> list[str]:
    """Return the command that traces another; the test is skipped where there is none, or it is not allowed to."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs strace and the right to trace (Debian: apt-get install strace)")
    return [strace, "-f", "-qq", "-y", *options]


ACT = """
import sys
from pathlib import Path
from tests.durability.scenes import SCENES

scene = SCENES[sys.argv[1]]
place = Path(sys.argv[2])
if sys.argv[3] == "prepare":
    scene.prepare(place)
else:
    from ledger.errors import LedgerError
    from tests.durability.layer import Layer
    layer = Layer(str(place.parent))
    layer.install()
    try:
        scene.act(place, lambda *words: print("told", *words, flush=True))
    except LedgerError as error:
        print("refused", error)
    print("calls", *(call.name for call in layer.calls))
"""


def _act(scene: str, place: Path, what: str, *strace: str) -> subprocess.CompletedProcess[str]:
    words = [*strace, sys.executable, "-c", ACT, scene, str(place), what]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=250)


def _counts(place: Path, trace: str) -> Counter[str]:
    """Return how often the kernel was asked to change something below the ledger."""
    found: Counter[str] = Counter()
    for line in trace.splitlines():
        match = re.search(rf"(\w+)\(.*{re.escape(str(place))}", line)
        if match is None or (match[1] == "openat" and "O_CREAT" not in line):
            continue
        found[{"openat": "create", "pwrite64": "write"}.get(match[1], match[1].removesuffix("at"))] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["create a ledger and append", "compact, merge months, remove what was replaced"])
def test_the_layer_sees_every_call_that_reaches_the_kernel(scene, tmp_path):
    place, trace = tmp_path / "play" / "ledger", tmp_path / "trace"
    place.parent.mkdir()
    assert _act(scene, place, "prepare").returncode == 0
    done = _act(scene, place, "act", *_strace("-e", f"trace={TRACED}", "-o", str(trace)))
    assert done.returncode == 0, done.stderr
    told = next(line for line in done.stdout.splitlines() if line.startswith("calls"))
    changing = {"create", "write", "fsync", "link", "unlink", "mkdir"}
    counted = Counter(name for name in told.split()[1:] if name in changing)
    assert _counts(place.parent, trace.read_text()) == counted
