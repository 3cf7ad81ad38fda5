"""This pipeline's own way: what ``enriched_awards`` does between its input files and its output file."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assets.matcher import Matcher
from assets.matching.match import MATCH_SCHEMA
from assets.matching.spec import Identifier, MatchSpec
from assets.stored import StoredTable
from ledger.chunks import (
    Adaptation,
    ChunkOptions,
    Death,
    FailedChunk,
    ParquetWriting,
    Part,
    Parts,
    Plan,
    Resources,
    WatchedFile,
    WorkedChunk,
    regrouped,
    run,
)
from ledger.settings import Settings
from ledger.units import MIB

DEFAULTS: Final = Settings()
"""What is shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The chunk runner over the matcher, with the shipped defaults but for what is named.

    Attributes:
        chunk_size: Rows of a chunk, the default when ``None``.
        workers: Processes; 1 works in this process.
        memory_threshold_mb: Memory of all workers, the default when ``None``.
        by_name: Whether names are matched too.
        keep: Name of the directory that prepared registries are kept in, from one call to the next; empty for none.
    """

    chunk_size: int | None = None
    workers: int = 1
    memory_threshold_mb: int | None = None
    by_name: bool = True
    keep: str = "registries"

    def __call__(self, awards: Path, registry: Path, out: Path) -> Mapping[str, float]:
        """Link the awards; return what happened meanwhile."""
        kinds = tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage"))
        spec = MatchSpec(kinds, name_column="name" if self.by_name else None)
        began = time.perf_counter()
        limit = (self.memory_threshold_mb or DEFAULTS.memory_threshold_mb) * MIB
        matcher = Matcher(str(awards), str(registry), spec)
        if self.keep:
            matcher = matcher.kept_in(out.parent / self.keep, Resources(limit))
        matcher = matcher.calibrated(Resources(limit))
        rows = StoredTable(awards).num_rows
        inputs = {name: WatchedFile.read(path) for name, path in (("awards", awards), ("registry", registry))}
        digests = {name: file.sha256 for name, file in inputs.items()}
        plan = Plan(name="awards", rows=rows, inputs=digests, parameters=matcher.parameters)
        options = ChunkOptions(
            chunk_size=self.chunk_size or DEFAULTS.chunk_size,
            workers=self.workers,
            memory_limit_bytes=limit,
        )
        heard = _Heard(began)
        with tempfile.TemporaryDirectory(dir=out.parent) as work:
            finished = run(plan, Path(work), matcher, options, heard, inputs=list(inputs.values()))
            tables = regrouped(Parts(Path(work)).tables(finished.chain))
            ParquetWriting(MATCH_SCHEMA, tables)(out)
        return heard.told()


@dataclass(slots=True)
class _Heard:
    """Listens to a run."""

    began: float
    chunks: list[WorkedChunk] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    first_s: float = 0.0

    def resumed(self, kept: Sequence[Part], damaged: Sequence[Part], deaths: Sequence[Death]) -> None:
        """Nothing was there before."""

    def completed(self, chunk: WorkedChunk, done_rows: int, total_rows: int, eta_s: float | None) -> None:
        """Take down a chunk; what lies before the first one is preparation."""
        del done_rows, total_rows, eta_s
        if not self.chunks:
            self.first_s = time.perf_counter() - self.began - chunk.wall_s
        self.chunks.append(chunk)

    def failed(self, chunk: FailedChunk, attempt: int, *, is_final: bool) -> None:
        """Nothing fails here: what does ends the benchmark."""

    def adapted(self, adaptation: Adaptation) -> None:
        """Take down what changed."""
        self.changes.append(adaptation.change)

    def told(self) -> dict[str, float]:
        """Return chunks, seconds before the first, and the highest anonymous memory of a worker."""
        return {
            "chunks": len(self.chunks),
            "prepared_s": self.first_s,
            "worker_bytes": max(one.peak_bytes for one in self.chunks),
            "shrunk": sum(change != "grown" for change in self.changes),
        }
