"""Finds the baseline files of assets, in a directory or in a commit, so that both are read by the same rules.

Rules:
- A file that is not where its asset, partition and profile belong is refused: whoever moved it hides something.
- Only files of the assets in question are read; a damaged file of another asset stops nobody here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from ledger.baselines import Baseline, profile_name, read, relative_path
from ledger.errors import ConfigurationError, StoreError
from ledger.git import commit_of, files_at
from ledger.names import no_such
from ledger.service.reading.observing import Key

DIRECTORY: Final = "baselines"
"""Where a project keeps its baselines, from its directory."""


_ROWS: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("profile", "asset", "partition", "metric", "unit", "direction")),
        *((name, pa.float64()) for name in ("median", "mad")),
        ("runs", pa.int64()),
        *((name, pa.float64()) for name in ("limit", "floor")),
        *((name, pa.string()) for name in ("machine", "size_class", "anchor", "change", "reason")),
    ]
)


@dataclass(frozen=True, slots=True)
class AcceptedBaselines:
    """Baseline files.

    Attributes:
        where: What they were read from, for people.
        content: File content by path below the directory of baselines, with ``/``.
        read_files: What was parsed so far, by path.
    """

    where: str
    content: Mapping[str, bytes]
    read_files: dict[str, Baseline] = field(default_factory=dict)

    def of(self, key: Key, machine: str) -> Baseline | None:
        """Return the baseline of an asset and partition for a machine.

        Raises:
            BaselineFormatError: The file is no baseline, or lies at the wrong place.
            BaselineAlteredError: Its numbers were edited.
        """
        path = relative_path(key[0], profile_name(machine), key[1])
        return self._read(path) if path in self.content else None

    def at(self, path: str) -> Baseline | None:
        """Return the baseline of a path below the directory of baselines.

        Raises:
            BaselineFormatError: The file is no baseline, or lies at the wrong place.
            BaselineAlteredError: Its numbers were edited.
        """
        return self._read(path) if path in self.content else None

    def beside(self, other: "AcceptedBaselines") -> "AcceptedBaselines":
        """Return these baselines, with files that another state has the same bytes of read only once."""
        same = [path for path, data in self.content.items() if other.content.get(path) == data]
        return AcceptedBaselines(self.where, self.content, {path: other._read(path) for path in same})  # noqa: SLF001 - the same class

    def elsewhere(self, key: Key) -> Baseline | None:
        """Return a baseline of an asset and partition for whatever machine there is one, by name of its profile."""
        name = relative_path(key[0], "any", key[1]).partition("/")[2]
        found = sorted(path for path in self.content if path.partition("/")[2] == name)
        return self._read(found[0]) if found else None

    def assets(self) -> dict[str, str]:
        """Return the asset of each file, by path.

        Raises:
            BaselineFormatError: A file is no baseline, or lies at the wrong place.
            BaselineAlteredError: Its numbers were edited.
        """
        return {path: self._read(path).asset for path in sorted(self.content)}

    def all(self) -> list[Baseline]:
        """Return what each file holds, in the order of their paths.

        Raises:
            BaselineFormatError: A file is no baseline, or lies at the wrong place.
            BaselineAlteredError: Its numbers were edited.
        """
        return [self._read(path) for path in sorted(self.content)]

    def rows(self, asset: str | None = None) -> pa.Table:
        """Return what is accepted, a row per metric, ordered by profile, asset, partition and metric.

        Args:
            asset: Only this asset; all when ``None``.

        Raises:
            ConfigurationError: There is none for the asset.
        """
        found = self.all()
        if asset is not None and asset not in (known := {one.asset for one in found}):
            raise ConfigurationError(no_such("baseline of asset", asset, known, f"in {self.where}"))
        rows = [
            {
                "profile": one.profile,
                "asset": one.asset,
                "partition": one.partition,
                "metric": entry.metric,
                "unit": entry.unit,
                "direction": entry.direction,
                "median": entry.current.median,
                "mad": entry.current.mad,
                "runs": len(entry.current.runs),
                "limit": entry.limit,
                "floor": entry.floor,
                "machine": entry.current.machine,
                "size_class": entry.current.size_class,
                "anchor": None if entry.anchor is None else entry.anchor.label,
                "change": entry.change.kind,
                "reason": entry.change.reason,
            }
            for one in found
            for entry in one.metrics
            if asset in {None, one.asset}
        ]
        return pa.Table.from_pylist(rows, schema=_ROWS)

    def _read(self, path: str) -> Baseline:
        if path not in self.read_files:
            shown = f"{self.where}/{path}"
            baseline = read(self.content[path], shown)
            right = relative_path(baseline.asset, baseline.profile, baseline.partition)
            if right != path:
                message = f"{shown}:1: the baseline of {baseline.asset!r} belongs at {right}; move the file there"
                raise ConfigurationError(message)
            self.read_files[path] = baseline
        return self.read_files[path]


def from_directory(directory: Path, shown: str = DIRECTORY) -> AcceptedBaselines:
    """Return the baselines of a directory; none where it does not exist.

    Raises:
        StoreError: A file cannot be read.
    """
    content = {}
    try:
        for path in sorted(directory.glob("*/*.json")):
            if path.is_symlink():
                message = f"{shown}/{path.relative_to(directory)} is a symbolic link; a baseline is a file of its own"
                raise ConfigurationError(message)
            content[path.relative_to(directory).as_posix()] = path.read_bytes()
    except OSError as error:
        message = f"cannot read the baselines in {directory}: {error.strerror}; correct its permissions"
        raise StoreError(message) from error
    return AcceptedBaselines(shown, content)


def from_ref(project: Path, ref: str, shown: str | None = None) -> AcceptedBaselines:
    """Return the baselines that a ref of the project's repository holds.

    Args:
        project: Directory of the project.
        ref: The ref, or the id of a commit.
        shown: What to call it in messages; ``ref`` when ``None``.

    Raises:
        ConfigurationError: There is no such ref.
    """
    commit = commit_of(project, ref)
    found = files_at(project, commit, DIRECTORY) if commit is not None else None
    if commit is None or found is None:
        message = f"git knows no commit {ref!r} in {project}; fetch it, or name another ref"
        raise ConfigurationError(message)
    chosen = {path: content for path, content in found.items() if path.count("/") == 1 and path.endswith(".json")}
    return AcceptedBaselines(f"{shown or ref}:{DIRECTORY}", chosen)
