"""Plays a scene once for every fault at every call, and holds the ledger against what must be so."""

import base64
import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.errors import LedgerError
from tests.durability.child import Ending, Tell, in_child
from tests.durability.invariants import Told, violations
from tests.durability.layer import CHANGING, REFUSED_WHEN_FULL, Call, Fault, Layer
from tests.durability.scenes import Scene

_KILLS: Final = ("kill before", "kill after")
_OF_CHANGES: Final = ("ENOSPC", "EIO", "EINTR", "EACCES", "full", "read-only")
_OF_READS: Final = ("EIO", "EINTR")
_DRAWN: Final = re.compile(r"[0-9a-f]{8,}")
_TIMED: Final = ("records/", "segments/", "leaves/")


@dataclass(slots=True)
class Outcome:
    """What came of the faults in a scene.

    Attributes:
        scene: Its name.
        calls: Calls it makes when nothing goes wrong.
        faults: Number of faults by what they were.
        finished: How often the scene came to its end in spite of the fault.
        refused: How often it ended with a sentence.
        violations: What was wrong, with the fault.
        looked_at: The different states that faults left, each of which was looked at.
    """

    scene: str
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """Number of faults."""
        return self.faults.total()


def recorded(scene: Scene, beginning: Path, place: Path) -> tuple[list[Call], list[tuple[int, Told]]]:
    """Play a scene without a fault; return its calls, and what was acknowledged after how many of them."""
    told = _played(scene, beginning, place, None).told
    calls = [Call(*words[1:4], data=base64.b64decode(words[4])) for words in told if words[0] == "call"]
    return calls, [(words[1], tuple(words[2:])) for words in told if words[0] == "told"]


def faults_of(calls: Sequence[Call]) -> Iterator[Fault]:
    """Yield every fault there is at every call."""
    for number, call in enumerate(calls):
        kinds: tuple[str, ...] = _OF_READS
        if call.name in CHANGING:
            kinds = (*_KILLS, *_OF_CHANGES)
        elif call.name == "close":
            kinds = (*_KILLS, "EIO")
        if call.name == "write":
            kinds += ("torn", "short")
        if call.name not in REFUSED_WHEN_FULL:
            kinds = tuple(kind for kind in kinds if kind not in {"ENOSPC", "full"} or call.name == "fsync")
        for kind in kinds:
            yield Fault(kind, number)


def prepared(scene: Scene, place: Path) -> Path:
    """Make the beginning of a scene."""
    ending = in_child(lambda tell: scene.prepare(place))
    assert ending.code == 0, ending.traceback
    return place


def play_all(scene: Scene, directory: Path, *, stride: int = 1, offset: int = 0) -> Outcome:
    """Play a scene with each fault, or each ``stride``-th of them from ``offset`` on."""
    beginning = prepared(scene, directory / "beginning")
    calls, _ = recorded(scene, beginning, directory / "play" / "ledger")
    outcome = Outcome(scene.name, len(calls))
    for fault in list(faults_of(calls))[offset::stride]:
        _play(scene, beginning, directory / "play" / "ledger", fault, outcome)
    return outcome


def _play(scene: Scene, beginning: Path, place: Path, fault: Fault, outcome: Outcome) -> None:
    """Play a scene with one fault, look, play it again to its end, and look again."""
    outcome.faults[fault.what] += 1
    ending = _played(scene, beginning, place, fault)
    told = [tuple(words[2:]) for words in ending.told if words[0] == "told"]
    is_over = any(words[0] == "over" for words in ending.told)
    outcome.finished += is_over
    outcome.refused += any(words[0] == "refused" for words in ending.told)
    if ending.traceback:
        outcome.violations.append(f"{fault}: {ending.traceback}")
    if "kill" in fault.what and not ending.signal:
        outcome.violations.append(f"{fault}: nobody was killed")
    state = state_of(_files_in(place), told, is_over=is_over)
    if state in outcome.looked_at:
        return
    outcome.looked_at.add(state)
    looked = in_child(lambda tell: look(place, scene, told, tell, is_over=is_over))
    outcome.violations += [f"{fault}: {words[1]}" for words in looked.told if words[0] in {"wrong", "traceback"}]


def _played(scene: Scene, beginning: Path, place: Path, fault: Fault | None) -> Ending:
    """Play a scene in a child, on a copy of its beginning."""
    cleared(place)
    if beginning.exists():
        shutil.copytree(beginning, place)

    def work(tell: Tell) -> None:
        layer = Layer(str(place.parent), fault)  # The making of the ledger's own directory counts as well.
        layer.install()
        try:
            scene.act(place, lambda *words: tell("told", len(layer.calls), *words))
        except LedgerError as error:
            tell("refused", str(error))
        else:
            tell("over")
        for call in layer.calls if fault is None else ():
            tell("call", call.name, call.path, call.target, base64.b64encode(call.data).decode())

    return in_child(work)


def look(place: Path, scene: Scene, told: Sequence[Told], tell: Tell, *, is_over: bool) -> None:
    """Say what is wrong now, and what is wrong after the scene was played again to its end."""
    for words in violations(place, scene, told, is_over=is_over):
        tell("wrong", f"at once: {words}")
    again: list[Told] = list(told)
    try:
        scene.act(place, lambda *words: again.append(words))
    except LedgerError as error:
        tell("wrong", f"it could not be repeated: {error}")
        return
    for words in violations(place, scene, again, is_over=True):
        tell("wrong", f"after it was repeated: {words}")


def cleared(place: Path) -> None:
    """Make the directory for a ledger, with nothing in it."""
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir(parents=True)


def state_of(files: Mapping[str, bytes], told: Sequence[Told], *, is_over: bool) -> str:
    """Return what tells a state of the ledger from others: names without what is drawn at random, and contents.

    Files that hold random names or the time are told by their size.
    """
    found = []
    for path, data in files.items():
        name = path.rpartition("/ledger/")[2]
        is_fixed = not name.startswith(_TIMED) and "/." not in f"/{name}"
        content = hashlib.sha256(data).hexdigest() if is_fixed else str(len(data))
        found.append(f"{name if is_fixed else _DRAWN.sub('*', name)} {content}")
    return hashlib.sha256("\n".join([repr(told), str(is_over), *sorted(found)]).encode()).hexdigest()


def _files_in(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}
