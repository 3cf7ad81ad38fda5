"""What a replay of all runs comes to, begun from a snapshot where there is one.

Rules:
- A run's row follows from the events of that run alone. So only runs with events that the snapshot does not cover are
  folded again, from all of their events, and the result equals a replay from zero, byte for byte.
- The snapshot covers what is compacted, and is kept for the next reader; what is loose is folded each time.
"""

import json
import weakref
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.checkpoint import Checkpoint
from ledger.events.codec import canonical_json
from ledger.projections import extents, runs
from ledger.projections.version import code_version
from ledger.store.protocol import EventQuery, LedgerView, Part

_NAMES: Final = b"dagster_ledger.names"
_NAMED: Final = ("asset", "metric")
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """All runs of a ledger.

    Attributes:
        runs: The ``runs`` projection.
        extents: The ``extents`` projection.
        names: Assets and metrics that occur, by column.
    """

    runs: pa.Table
    extents: pa.Table
    names: dict[str, frozenset[str]]

    def query_of(self, run_id: str) -> EventQuery:
        """Return the query for the events of a run, narrowed to its time."""
        row = self.extents.filter(pc.equal(self.extents.column("run_id"), run_id)).to_pylist()
        if not row:
            return EventQuery(run_ids=(run_id,))
        return EventQuery(run_ids=(run_id,), since=row[0]["first_ts"], until=row[0]["last_ts"] + _TICK)


_KNOWN: Final[weakref.WeakKeyDictionary[LedgerView, Standing]] = weakref.WeakKeyDictionary()


def standing(view: LedgerView) -> Standing:
    """Return what a view comes to; asked again for the same view, it is not computed again.

    Raises:
        IntegrityError: Stored data is damaged.
        StoreError: The ledger could not be read.
    """
    found = _KNOWN.get(view)
    if found is None:
        found = _KNOWN[view] = _with_recent(view, compacted_standing(view))
    return found


def known_names(view: LedgerView, column: str) -> frozenset[str]:
    """Return the assets or the metrics of a view, without folding any run.

    Args:
        view: The ledger.
        column: ``asset`` or ``metric``.
    """
    found = _snapshot(view)
    if found is not None and found[1] == view.compacted:
        return found[0].names[column] | view.names_in(column, "recent")
    return view.names_in(column)


def compacted_standing(view: LedgerView) -> Standing:
    """Return what the compacted part of a view comes to, and keep it as a snapshot."""
    found = _snapshot(view)
    base, covered = found or (_empty(), None)
    if view.compacted is None or covered == view.compacted:
        return base
    for run_ids in view.runs_since(covered):
        if run_ids:
            events = view.read(EventQuery(run_ids=tuple(sorted(run_ids))), "compacted")
            base = _replaced(base, _folded(events))
    base = Standing(base.runs, base.extents, _names(view, "compacted"))
    code = code_version()
    view.keep_snapshot("runs", code, base.runs)
    names = canonical_json({column: sorted(values) for column, values in base.names.items()})
    view.keep_snapshot("extents", code, base.extents.replace_schema_metadata({_NAMES: names.encode()}))
    return base


def _snapshot(view: LedgerView) -> tuple[Standing, Checkpoint] | None:
    """Return the snapshot a view can go on from, and the checkpoint it covers."""
    code = code_version()
    first, second = view.snapshot("runs", code), view.snapshot("extents", code)
    if first is None or second is None or first[0] != second[0]:
        return None
    found, told = first[1], second[1]
    if found.schema != runs.SCHEMA or told.schema != extents.SCHEMA or _NAMES not in (told.schema.metadata or {}):
        return None
    names = json.loads(told.schema.metadata[_NAMES])
    parts = {column: frozenset(names[column]) for column in _NAMED}
    return Standing(found, told.replace_schema_metadata(None), parts), first[0]


def _with_recent(view: LedgerView, base: Standing) -> Standing:
    """Return what a view comes to, from what its compacted part comes to."""
    recent = view.read(part="recent")
    if recent.num_rows == 0:
        return base
    touched = pa.array(pc.unique(recent.column("run_id")).drop_null().to_pylist(), pa.string())
    known = base.extents.filter(pc.is_in(base.extents.column("run_id"), touched))
    events = recent
    if known.num_rows:
        since, until = pc.min(known.column("first_ts")).as_py(), pc.max(known.column("last_ts")).as_py()
        query = EventQuery(run_ids=tuple(known.column("run_id").to_pylist()), since=since, until=until + _TICK)
        events = pa.concat_tables([view.read(query, "compacted"), recent])
    merged = _replaced(base, _folded(events))
    names = {column: base.names[column] | values for column, values in _names(view, "recent").items()}
    return Standing(merged.runs, merged.extents, names)


def _folded(events: pa.Table) -> Standing:
    """Return what some events come to, without names."""
    return Standing(runs.runs(events), extents.extents(events), {})


def _replaced(base: Standing, part: Standing) -> Standing:
    """Return a standing with the runs of another in place of its own."""
    touched = part.extents.column("run_id")

    def others(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(pc.is_in(table.column("run_id"), touched.combine_chunks())))

    merged = pa.concat_tables([others(base.runs), part.runs])
    spans = pa.concat_tables([others(base.extents), part.extents])
    return Standing(
        merged.sort_by([("started", "ascending"), ("run_id", "ascending")]).combine_chunks(),
        spans.sort_by("run_id").combine_chunks(),
        base.names,
    )


def _names(view: LedgerView, part: Part) -> dict[str, frozenset[str]]:
    return {column: view.names_in(column, part) for column in _NAMED}


def _empty() -> Standing:
    return Standing(runs.SCHEMA.empty_table(), extents.SCHEMA.empty_table(), dict.fromkeys(_NAMED, frozenset()))
