"""Follows a ledger and tells what is exported of it.

Rules:
- The first look reads the ledger, later ones only what came since; either way the answer is that of a replay from
  zero.
- A ledger that is not what was appended is told as such, beside what was known before; one that cannot be read at all
  is an error, and the scrape fails. That it is what was appended is told only after it was verified.
- Baseline files are read at each look, so that an accepted change holds from the next scrape on; what did not change is
  not parsed again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.baselines import BaselineAlteredError, BaselineFormatError
from ledger.errors import ConfigurationError, IntegrityError, LedgerError
from ledger.metrics import MetricRegistry
from ledger.projections.fold import of_kind
from ledger.projections.latest import QUERY_KINDS, AssetState, Latest, Standings, folded, standings
from ledger.report.monitoring.state import AssetFigures, Exported, Integrity
from ledger.service.baselines.accepted import DIRECTORY, AcceptedBaselines, from_directory
from ledger.service.monitoring.comparing import figures_of
from ledger.service.project.clock import Clock, utc_now
from ledger.settings import RegressionSettings
from ledger.store.protocol import Cursor, EventQuery, LedgerStore, LedgerView, Problem, SealingStore
from ledger.units import RATIO

_VALUES: Final = "metric_measured"
_NAMED_STREAMS: Final = 5_000
"""Attempts that are named one by one; of more, all values are read."""

Complain = Callable[[str], None]
"""Gets a sentence on what could not be read, once for each."""


@dataclass(frozen=True, slots=True)
class Judged:
    """By what an asset is judged: the project's directory, what it tolerates, and the metrics it declares."""

    project: Path
    settings: RegressionSettings
    registry: MetricRegistry


class Collector:
    """Tells what is exported of a ledger; threads may ask it at once."""

    def __init__(
        self, store: LedgerStore, judged: Judged, *, clock: Clock = utc_now, complain: Complain = lambda _: None
    ) -> None:
        """Begin before the first look.

        Args:
            store: The ledger.
            judged: By what assets are judged.
            clock: Tells the time.
            complain: Gets a sentence on damage, or on baseline files that cannot be read.
        """
        self._store: Final = store
        self._judged: Final = judged
        self._clock: Final = clock
        self._complain: Final = complain
        self._lock: Final = threading.Lock()
        self._latest = Latest()
        self._cursor: Cursor | None = None
        self._standings: Standings | None = None
        self._files = AcceptedBaselines("", {})
        self._integrity = Integrity()
        self._said: set[str] = set()

    def collect(self) -> Exported:
        """Return what is exported now.

        Raises:
            StoreError: The ledger cannot be read.
        """
        with self._lock:
            found = self._looked()
            assets = self._figures(found) if found is not None else ()
            quality = {
                name: metric.direction == "higher_is_better"
                for name, metric in self._judged.registry.items()
                if metric.kind == "quality" and metric.unit == RATIO
            }
            return Exported(self._clock(), self._integrity, assets, found, quality)

    def verify(self) -> Integrity:
        """Hold the whole ledger against its tree, and return what came out; it is exported from then on.

        Raises:
            StoreError: The ledger cannot be read.
        """
        problems = self._problems()
        if problems:
            # A compaction without grace takes files away while they are verified; damage is there on a second look.
            again = self._problems()
            problems = [problem for problem in problems if problem in again]
        found = Integrity(not problems, self._clock())
        with self._lock:
            self._integrity = found
        for problem in problems:
            self._complain_once(f"the ledger is not what was appended: {problem.where}: {problem.what}")
        return found

    def _problems(self) -> list[Problem]:
        if isinstance(self._store, SealingStore):
            return list(self._store.verify().problems)
        return list(self._store.problems())

    def _looked(self) -> Standings | None:
        """Return the standings, after a look at what came since the last one."""
        try:
            if self._cursor is None:
                latest, cursor = self._store.consult(_first_look)
            else:
                events, cursor = self._store.changes(self._cursor)
                _check_growth(self._cursor, cursor, self._store.uri)
                latest = folded(self._latest, events)
        except IntegrityError as error:
            self._integrity = Integrity(ok=False, verified=self._integrity.verified)
            self._complain_once(str(error))
            return self._standings
        if self._standings is None or latest is not self._latest:
            self._standings = standings(latest)
        self._latest, self._cursor = latest, cursor
        return self._standings

    def _figures(self, found: Standings) -> tuple[AssetFigures, ...]:
        try:
            read = from_directory(self._judged.project / DIRECTORY)
            known = self._files
            kept = {
                path: one for path, one in known.read_files.items() if known.content[path] == read.content.get(path)
            }
            self._files = AcceptedBaselines(read.where, read.content, kept)
        except LedgerError as error:
            self._complain_once(str(error))
            self._files = AcceptedBaselines(DIRECTORY, {})
        return tuple(self._asset(state) for state in found.assets)

    def _asset(self, state: AssetState) -> AssetFigures:
        try:
            return figures_of(state, self._files, self._judged.settings, self._judged.registry)
        except (BaselineFormatError, BaselineAlteredError, ConfigurationError) as error:
            # One file that cannot be read leaves the rest to be seen; this asset is told as not comparable.
            self._complain_once(str(error))
            return figures_of(state, AcceptedBaselines(DIRECTORY, {}), self._judged.settings, self._judged.registry)

    def _complain_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._complain(sentence)


def _check_growth(before: Cursor, now: Cursor, where: str) -> None:
    """Raise where what was there is gone; compaction moves appends, and loses none."""
    is_lost = now.compacted < before.compacted
    if now.compacted == before.compacted:
        is_lost = not before.recent <= now.recent
    if is_lost:
        message = f"the ledger at {where} has fewer appends than before; restore it, and verify it"
        raise IntegrityError(message)


def _first_look(view: LedgerView, named: int = _NAMED_STREAMS) -> tuple[Latest, Cursor]:
    """Return what a whole ledger comes to.

    Most of a ledger are values of attempts that others have followed. Which attempts matter is known from their
    beginnings and ends, so the values of the others are not read.
    """
    latest = folded(Latest(), view.read(EventQuery(kinds=tuple(kind for kind in QUERY_KINDS if kind != _VALUES))))
    rows = latest.rows
    attempts = pc.unique(rows.filter(pc.is_in(rows.column("kind"), pa.array(["asset_started"]))).column("stream"))
    if len(attempts) == 0:
        return latest, view.cursor
    narrowed = len(attempts) <= named
    query = EventQuery(streams=tuple(attempts.to_pylist())) if narrowed else EventQuery(kinds=(_VALUES,))
    return folded(latest, of_kind(view.read(query), _VALUES)), view.cursor
