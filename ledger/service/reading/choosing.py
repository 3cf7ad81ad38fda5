"""Chooses runs of one job out of a ledger: those to be judged, and those that they are judged by.

Rules:
- Runs named by id are taken as they are; runs chosen by commit, time or number are the successful ones.
- All chosen runs are of one job; where nobody names it, it is the job of the newest run that fits.
- A commit is what the runs recorded. Runs with uncommitted changes are of no commit: they are told, never taken.
- Runs that `confirm` made hold only suspects: they are taken where they are named, never as the newest.
- Runs that were imported were not measured: they are never taken, and where they are named it is said so.
- Nothing that fits is an error with the way on, for a gate without candidates has nothing to say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.events.run import IMPORTED
from ledger.names import no_such
from ledger.projections.circumstances import circumstances
from ledger.projections.fold import of_kind, payload_fields
from ledger.service.reading.replay import find_run
from ledger.service.reading.standing import standing
from ledger.store.protocol import EventQuery, LedgerView

CONFIRMS_TAG: Final = "dagster_ledger/confirms"
"""Run tag with the verdict whose suspects the run makes again."""

_SUCCESS: Final = "success"
_SHORTEST_COMMIT: Final = 7
_EXPECTED_FROM: Final = 20
_OPENED: Final = pa.schema(
    [("planned_assets", pa.list_(pa.string())), ("tags", pa.struct([(CONFIRMS_TAG, pa.string())]))]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which runs are meant; what is empty does not narrow.

    Attributes:
        job: Job of the runs.
        names: Runs by id, unique beginning of one, or ``latest``; then nothing else narrows.
        commit: Git commit that was run, or at least seven letters of it.
        since: Runs that began at or after.
        until: Runs that began before.
        last: The newest so many of what is left.
    """

    job: str | None = None
    names: tuple[str, ...] = ()
    commit: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    last: int | None = None

    def described(self) -> str:
        """Return it in words."""
        parts = [
            f"of job {self.job}" if self.job else "",
            f"of commit {self.commit[:12]}" if self.commit else "",
            f"since {self.since:%Y-%m-%d %H:%M}" if self.since else "",
            f"before {self.until:%Y-%m-%d %H:%M}" if self.until else "",
        ]
        return " ".join(["successful runs", *filter(None, parts)])


@dataclass(frozen=True, slots=True)
class Chosen:
    """Runs of one job, in the order they began; ``job`` is ``None`` where none is known of them."""

    job: str | None
    run_ids: tuple[str, ...]


def choose(view: LedgerView, choice: Choice) -> Chosen:
    """Return the runs that are meant, at least one.

    Raises:
        ConfigurationError: A name is wrong, no run fits, or the named runs are of several jobs.
    """
    known = standing(view).runs
    if choice.job is not None and choice.job not in (jobs := _unique(known.column("job"))):
        raise ConfigurationError(no_such("job", choice.job, jobs, "in the ledger"))
    if choice.names:
        return _named(known, tuple(dict.fromkeys(find_run(view, name) for name in choice.names)), choice.job)
    rows = _fitting(view, choice)
    if rows.num_rows:
        job = choice.job or rows.column("job")[-1].as_py()
        rows = _without_confirming(view, _of_job(rows, job), choice.last)
    if rows.num_rows == 0:
        message = (
            f"there are no {choice.described()} in the ledger at {view.uri}; make some with"
            f" `dagster-ledger run{f' -j {choice.job}' if choice.job else ''} --runs 5`, or choose others"
        )
        raise ConfigurationError(message)
    return Chosen(rows.column("job")[-1].as_py(), _newest(rows, choice.last))


def before(view: LedgerView, chosen: Chosen, last: int) -> tuple[str, ...]:
    """Return the last successful runs of the same job that began before the first of the chosen.

    Args:
        view: The ledger.
        chosen: The runs to be judged.
        last: How many at most.
    """
    known = standing(view).runs
    first = pc.min(known.filter(_among(known, chosen.run_ids)).column("started")).as_py()
    return window(view, chosen, Choice(job=chosen.job, until=first, last=last))


def window(view: LedgerView, chosen: Chosen, choice: Choice) -> tuple[str, ...]:
    """Return the successful runs of the same job that a choice means, without the chosen; may be none."""
    rows = _of_job(_fitting(view, choice), chosen.job)
    return _newest(rows.filter(pc.invert(_among(rows, chosen.run_ids))), choice.last)


def planned_before(view: LedgerView, chosen: Chosen) -> frozenset[str]:
    """Return the assets that the runs before the chosen meant to make: what one expects of the chosen, too."""
    plans = _plans(view, before(view, chosen, _EXPECTED_FROM))
    return frozenset(name for planned, confirms in plans.values() if not confirms for name in planned)


def _without_confirming(view: LedgerView, rows: pa.Table, last: int | None) -> pa.Table:
    """Return the rows without runs that `confirm` made; where only the newest are wanted, only those are looked at."""
    while True:
        newest = _newest(rows, last)
        confirming = {name for name, (_, confirms) in _plans(view, newest).items() if confirms}
        if not confirming:
            return rows
        rows = rows.filter(pc.invert(_among(rows, confirming)))


def _plans(view: LedgerView, run_ids: tuple[str, ...]) -> dict[str, tuple[list[str], bool]]:
    """Return what each run meant to make, and whether `confirm` made it."""
    if not run_ids:
        return {}
    extents = standing(view).extents
    own = extents.filter(_among(extents, run_ids))
    since = pc.min(own.column("first_ts")).as_py()
    opened = of_kind(view.read(EventQuery(kinds=("run_started",), since=since)), "run_started")
    opened = opened.filter(_among(opened, run_ids))
    said = payload_fields(opened, _OPENED).to_pylist()
    names = opened.column("run_id").to_pylist()
    return {
        name: (one["planned_assets"] or [], bool(one["tags"] and one["tags"][CONFIRMS_TAG]))
        for name, one in zip(names, said, strict=True)
    }


def _named(known: pa.Table, run_ids: tuple[str, ...], job: str | None) -> Chosen:
    rows = known.filter(_among(known, run_ids))
    imported = rows.filter(_is_imported(rows)).column("run_id").to_pylist()
    if imported:
        message = (
            f"run {imported[0]} was imported, not measured: it has the times of Dagster's steps and no memory, so it is"
            " compared with no other; name runs that were measured, or look at it with `dagster-ledger trend`"
        )
        raise ConfigurationError(message)
    jobs = sorted({str(name) for name in rows.column("job").to_pylist()})
    if len(jobs) > 1 or (job is not None and jobs != [job]):
        message = f"the named runs are of {', '.join(jobs)}; name runs of one job" + (f" ({job})" if job else "")
        raise ConfigurationError(message)
    return Chosen(rows.column("job")[0].as_py(), _newest(rows, None))


def _fitting(view: LedgerView, choice: Choice) -> pa.Table:
    """Return the successful runs that job, time and commit leave, in the order they began."""
    chosen = standing(view).runs.select(["run_id", "job", "status", "started", "launcher"])
    chosen = chosen.filter(pc.invert(_is_imported(chosen))).drop_columns(["launcher"])
    chosen = chosen.filter(pc.equal(chosen.column("status"), _SUCCESS))
    if choice.job is not None:
        chosen = chosen.filter(pc.equal(chosen.column("job"), choice.job))
    moment = pa.timestamp("us", tz="UTC")
    if choice.since is not None:
        chosen = chosen.filter(pc.greater_equal(chosen.column("started"), pa.scalar(choice.since, moment)))
    if choice.until is not None:
        chosen = chosen.filter(pc.less(chosen.column("started"), pa.scalar(choice.until, moment)))
    return chosen if choice.commit is None else _of_commit(view, chosen, choice.commit)


def _is_imported(rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(rows.column("launcher"), IMPORTED), fill_value=False)


def _of_job(rows: pa.Table, job: str | None) -> pa.Table:
    named = rows.column("job")
    return rows.filter(pc.is_null(named) if job is None else pc.fill_null(pc.equal(named, job), fill_value=False))


def _among(rows: pa.Table, run_ids: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows.column("run_id"), pa.array(sorted(run_ids), pa.string()))


def _newest(rows: pa.Table, last: int | None) -> tuple[str, ...]:
    first = 0 if last is None else max(rows.num_rows - last, 0)
    return tuple(rows.slice(first).column("run_id").to_pylist())


def _unique(column: pa.ChunkedArray) -> list[str]:
    names: list[str] = pc.unique(column).drop_null().to_pylist()
    return names


def _of_commit(view: LedgerView, rows: pa.Table, commit: str) -> pa.Table:
    """Return the runs of a commit, told by what their assets recorded when they began."""
    if len(commit) < _SHORTEST_COMMIT or not all(letter in "0123456789abcdef" for letter in commit.lower()):
        message = f"{commit!r} is no commit; give at least {_SHORTEST_COMMIT} hexadecimal digits of its id"
        raise ConfigurationError(message)
    if rows.num_rows == 0:
        return rows
    began = circumstances(view.read(EventQuery(kinds=("asset_started",), since=rows.column("started")[0].as_py())))
    fits = pc.fill_null(pc.starts_with(began.column("code_version"), pattern=commit.lower()), fill_value=False)
    of_commit = began.filter(fits)
    changed = pc.fill_null(of_commit.column("code_dirty"), fill_value=False)
    dirty = set(_unique(of_commit.filter(changed).column("run_id")))
    clean = rows.filter(_among(rows, set(_unique(of_commit.column("run_id"))) - dirty))
    unclean = rows.filter(_among(rows, dirty)).num_rows
    if clean.num_rows == 0 and unclean:
        message = (
            f"all {unclean} runs of commit {commit[:12]} had uncommitted changes, so they are not what the commit"
            " does; commit and run again, or name the runs"
        )
        raise ConfigurationError(message)
    return clean
