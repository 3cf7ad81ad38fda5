"""Chooses runs of one job out of a ledger: those to be judged, and those that they are judged by.

Rules:
- Runs named by id are taken as they are; runs chosen by commit, time or number are the successful ones.
- All chosen runs are of one job; where nobody names it, it is the job of the newest run that fits.
- A commit is what the runs recorded. Runs with uncommitted changes are of no commit: they are told, never taken.
- Nothing that fits is an error with the way on, for a gate without candidates has nothing to say.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.projections.circumstances import circumstances
from ledger.service.replay import find_run
from ledger.service.standing import standing
from ledger.store.protocol import EventQuery, LedgerView

_SUCCESS: Final = "success"
_SHORTEST_COMMIT: Final = 7


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
    if choice.job is not None and choice.job not in (jobs := set(known.column("job").drop_null().to_pylist())):
        raise ConfigurationError(no_such("job", choice.job, jobs, "in the ledger"))
    if choice.names:
        return _named(known, tuple(dict.fromkeys(find_run(view, name) for name in choice.names)), choice.job)
    rows = _fitting(known, choice)
    if choice.commit is not None:
        rows = _of_commit(view, rows, choice.commit)
    if not rows:
        message = (
            f"there are no {choice.described()} in the ledger at {view.uri}; make some with"
            f" `dagster-ledger run{f' -j {choice.job}' if choice.job else ''} --runs 5`, or choose others"
        )
        raise ConfigurationError(message)
    job = choice.job or rows[-1]["job"]
    run_ids = tuple(row["run_id"] for row in rows if row["job"] == job)
    return Chosen(job, run_ids if choice.last is None else run_ids[-choice.last :])


def before(view: LedgerView, chosen: Chosen, last: int, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the last successful runs of the same job that began before the first of the chosen.

    Args:
        view: The ledger.
        chosen: The runs to be judged.
        last: How many at most.
        without: Runs that are not taken.
    """
    known = standing(view).runs
    rows = known.to_pylist()
    first = min((row["started"] for row in rows if row["run_id"] in chosen.run_ids and row["started"]), default=None)
    excluded = {*chosen.run_ids, *without}
    fitting = [
        row["run_id"]
        for row in _fitting(known, Choice(job=chosen.job, until=first))
        if row["job"] == chosen.job and row["run_id"] not in excluded
    ]
    return tuple(fitting[-last:])


def window(view: LedgerView, chosen: Chosen, choice: Choice) -> tuple[str, ...]:
    """Return the successful runs of the same job that a choice means, without the chosen; may be none."""
    rows = _fitting(standing(view).runs, choice)
    if choice.commit is not None:
        rows = _of_commit(view, rows, choice.commit)
    found = [row["run_id"] for row in rows if row["job"] == chosen.job and row["run_id"] not in chosen.run_ids]
    return tuple(found if choice.last is None else found[-choice.last :])


def _named(known: pa.Table, run_ids: tuple[str, ...], job: str | None) -> Chosen:
    rows = [row for row in known.to_pylist() if row["run_id"] in run_ids]
    jobs = sorted({str(row["job"]) for row in rows})
    if len(jobs) > 1 or (job is not None and jobs != [job]):
        message = f"the named runs are of {', '.join(jobs)}; name runs of one job" + (f" ({job})" if job else "")
        raise ConfigurationError(message)
    return Chosen(rows[0]["job"], tuple(row["run_id"] for row in rows))


def _fitting(known: pa.Table, choice: Choice) -> list[dict[str, Any]]:
    """Return the successful runs that job and time leave, in the order they began."""
    chosen = known.select(["run_id", "job", "status", "started"])
    chosen = chosen.filter(pc.equal(chosen.column("status"), _SUCCESS))
    if choice.job is not None:
        chosen = chosen.filter(pc.equal(chosen.column("job"), choice.job))
    moment = pa.timestamp("us", tz="UTC")
    if choice.since is not None:
        chosen = chosen.filter(pc.greater_equal(chosen.column("started"), pa.scalar(choice.since, moment)))
    if choice.until is not None:
        chosen = chosen.filter(pc.less(chosen.column("started"), pa.scalar(choice.until, moment)))
    rows: list[dict[str, Any]] = chosen.to_pylist()
    return rows


def _of_commit(view: LedgerView, rows: Sequence[dict[str, Any]], commit: str) -> list[dict[str, Any]]:
    """Return the runs of a commit, told by what their assets recorded when they began."""
    if len(commit) < _SHORTEST_COMMIT or not all(letter in "0123456789abcdef" for letter in commit.lower()):
        message = f"{commit!r} is no commit; give at least {_SHORTEST_COMMIT} hexadecimal digits of its id"
        raise ConfigurationError(message)
    if not rows:
        return []
    began = circumstances(view.read(EventQuery(kinds=("asset_started",), since=rows[0]["started"])))
    fits = pc.starts_with(began.column("code_version"), pattern=commit.lower())
    of_commit = began.filter(fits).select(["run_id", "code_dirty"])
    named = set(of_commit.column("run_id").to_pylist())
    dirty = set(of_commit.filter(pc.equal(of_commit.column("code_dirty"), pa.scalar(value=True)))["run_id"].to_pylist())
    clean = [row for row in rows if row["run_id"] in named - dirty]
    if not clean and dirty & {row["run_id"] for row in rows}:
        message = (
            f"all {len(dirty)} runs of commit {commit[:12]} had uncommitted changes, so they are not what the commit"
            " does; commit and run again, or name the runs"
        )
        raise ConfigurationError(message)
    return clean
