"""What a disk may hold after the power went: computed from the calls of a scene, not sampled.

The model, which is weaker than what ext4, XFS or btrfs promise:
- What was written to a file is there for sure only once the file was synced; before that nothing, half or all of it is.
- That a name was made or taken away is there for sure only once its directory was synced; before that each such change
  is there or not, independent of the others and of its order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.durability.child import in_child
from tests.durability.faults import Outcome, cleared, look, prepared, recorded, state_of
from tests.durability.invariants import Told
from tests.durability.layer import Call
from tests.durability.scenes import Scene

_DIRECTORY: Final = -1
_SINGLES: Final = 6


@dataclass(slots=True)
class _Disk:
    """What is in the cache of the kernel, and what of it is on the medium for sure.

    Attributes:
        top: The ledger's own directory.
        now: Inode by path, ``_DIRECTORY`` for directories.
        sure: The same, as synced.
        pending: Changes of names since their directory was synced: path and inode, ``None`` for a name taken away.
        written: Content by inode.
        synced: Content by inode, as synced.
    """

    top: Path
    now: dict[str, int] = field(default_factory=dict)
    sure: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[str, int | None]] = field(default_factory=list)
    written: dict[int, bytes] = field(default_factory=dict)
    synced: dict[int, bytes] = field(default_factory=dict)

    def _change(self, path: str, inode: int | None) -> None:
        self.pending.append((path, inode))
        if inode is None:
            self.now.pop(path, None)
        else:
            self.now[path] = inode

    def apply(self, call: Call) -> None:
        """Do what a call did."""
        if call.name == "create" and call.path not in self.now:
            inode = len(self.written)
            self.written[inode] = self.synced[inode] = b""
            self._change(call.path, inode)
        elif call.name == "mkdir" and call.path not in self.now:
            self._change(call.path, _DIRECTORY)
        elif call.name == "write":
            self.written[self.now[call.path]] += call.data
        elif call.name == "link" and call.target not in self.now:
            self._change(call.target, self.now[call.path])
        elif call.name == "unlink" and call.path in self.now:
            self._change(call.path, None)
        elif call.name == "fsync":
            self._sync(call.path)

    def _sync(self, path: str) -> None:
        inode = self.now.get(path, _DIRECTORY)
        if inode != _DIRECTORY:
            self.synced[inode] = self.written[inode]
            return
        for name, change in [entry for entry in self.pending if Path(entry[0]).parent == Path(path)]:
            _set(self.sure, name, change)
        self.pending = [entry for entry in self.pending if Path(entry[0]).parent != Path(path)]

    def images(self) -> Iterator[dict[str, bytes | None]]:
        """Yield what the disk may hold: content by path, ``None`` for directories."""
        yield self._image(self.pending, self.synced)
        if self.pending or self.written != self.synced:
            half = {inode: data[: len(data) // 2] for inode, data in self.written.items()}
            unsynced = {inode for inode, data in self.written.items() if data != self.synced[inode]}
            yield self._image([], self.synced)
            yield self._image(self.pending, self.written)
            yield self._image(self.pending, self.synced | {inode: half[inode] for inode in unsynced})
        for position in range(min(len(self.pending), _SINGLES)):
            yield self._image([self.pending[position]], self.synced)
            yield self._image(self.pending[:position] + self.pending[position + 1 :], self.synced)

    def _image(self, changes: Sequence[tuple[str, int | None]], contents: dict[int, bytes]) -> dict[str, bytes | None]:
        names = dict(self.sure)
        for name, change in changes:
            _set(names, name, change)
        there = {path: None if inode == _DIRECTORY else contents[inode] for path, inode in names.items()}
        return {path: data for path, data in there.items() if self._is_reachable(path, names)}

    def _is_reachable(self, path: str, names: dict[str, int]) -> bool:
        """Return whether all directories above a path are there, up to the one in which the ledger lies."""
        return all(str(above) in names for above in Path(path).parents if above.is_relative_to(self.top))


def _set(names: dict[str, int], name: str, inode: int | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def cut_all(scene: Scene, directory: Path, *, stride: int = 1) -> Outcome:
    """Cut the power after each call of a scene, with every image the disk may hold, and look at what is left.

    Args:
        scene: What is interrupted.
        directory: Where to work.
        stride: Look at each so manieth image only.
    """
    beginning, place = prepared(scene, directory / "beginning"), directory / "play" / "ledger"
    calls, told = recorded(scene, beginning, place)
    outcome = Outcome(scene.name, len(calls))
    disk, number = _started(beginning, place), 0
    for done in range(len(calls) + 1):
        if done:
            disk.apply(calls[done - 1])
        acknowledged = [words for after, words in told if after <= done]
        for image in disk.images():
            number += 1
            if number % stride == 0:
                _cut(image, place, scene, acknowledged, outcome, f"after call {done}")
    return outcome


def _started(beginning: Path, place: Path) -> _Disk:
    """Return the disk before the scene, all of it synced."""
    disk = _Disk(place)
    for path in [beginning, *beginning.rglob("*")] if beginning.exists() else []:
        name = str(place / path.relative_to(beginning))
        if path.is_dir():
            disk.now[name] = _DIRECTORY
        else:
            inode = len(disk.written)
            disk.now[name], disk.written[inode] = inode, path.read_bytes()
    disk.sure, disk.synced = dict(disk.now), dict(disk.written)
    return disk


def _cut(
    image: dict[str, bytes | None], place: Path, scene: Scene, told: list[Told], outcome: Outcome, when: str
) -> None:
    """Make a disk what it may be after the power cut, and look."""
    outcome.faults["power cut"] += 1
    files = {path: data for path, data in image.items() if data is not None}
    state = state_of(files, told, is_over=False)
    if state in outcome.looked_at:
        return
    outcome.looked_at.add(state)
    cleared(place)
    for path in sorted(path for path, data in image.items() if data is None):
        Path(path).mkdir()
    for path, data in files.items():
        Path(path).write_bytes(data)
    looked = in_child(lambda tell: look(place, scene, told, tell, is_over=False))
    outcome.violations += [
        f"power cut {when}: {words[1]}" for words in looked.told if words[0] in {"wrong", "traceback"}
    ]
