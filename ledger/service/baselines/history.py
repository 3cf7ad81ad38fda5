"""Tells which commits changed what is accepted for a metric, oldest first, under whatever name its file had.

Rules:
- A commit counts when the metric's entry is another one after it than before. What a merge changes by itself counts.
- A commit that left a file that cannot be read is told as such; the history goes on after it.
"""

from dataclasses import dataclass
from pathlib import Path

from ledger import git
from ledger.baselines import Baseline, entry_digest, read
from ledger.errors import ConfigurationError, IntegrityError
from ledger.names import no_such
from ledger.service.baselines.accepted import DIRECTORY, AcceptedBaselines

UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One commit that changed a metric's baseline.

    Attributes:
        profile: Machine class of the file.
        asset: The asset.
        partition: Its partition.
        metric: The metric.
        unit: Its unit.
        median: Accepted since; ``None`` where nothing is.
        runs: How many runs that is of.
        kind: Kind of the change; ``remove`` where the entry is gone, ``unreadable`` where the file is no baseline.
        reason: Why, as the entry says.
        day: Day of the commit, ISO 8601.
        commit: The commit, hex.
        author: Who made it.
        subject: First line of its message.
    """

    profile: str
    asset: str
    partition: str | None
    metric: str
    unit: str
    median: float | None
    runs: int
    kind: str
    reason: str | None
    day: str
    commit: str
    author: str
    subject: str


def history(
    project: Path, accepted: AcceptedBaselines, asset: str, metric: str | None = None, ref: str | None = None
) -> tuple[Moment, ...]:
    """Return the commits that changed the baselines of an asset, by file and metric, oldest first.

    Args:
        project: Directory of the project.
        accepted: The baselines as they are.
        asset: The asset.
        metric: Only this metric; all when ``None``.
        ref: Up to this commit; ``HEAD`` when ``None``.

    Raises:
        ConfigurationError: There is no such baseline, metric or commit.
    """
    commit = git.commit_of(project, ref or "HEAD")
    if commit is None:
        message = f"git knows no commit {ref or 'HEAD'!r} in {project}; name another with --ref"
        raise ConfigurationError(message)
    own = {path: one for path in sorted(accepted.content) if (one := accepted.at(path)) and one.asset == asset}
    if not own:
        raise ConfigurationError(
            no_such("baseline of asset", asset, {one.asset for one in accepted.all()}, f"in {accepted.where}")
        )
    known = {entry.metric for one in own.values() for entry in one.metrics}
    if metric is not None and metric not in known:
        raise ConfigurationError(no_such("metric", metric, known, f"in the baselines of {asset}"))
    found = [moment for path, one in own.items() for moment in _of_file(project, commit, path, one)]
    chosen = [one for one in found if metric in {None, one.metric} or one.kind == UNREADABLE]
    return tuple(sorted(chosen, key=lambda one: (one.profile, one.partition or "", one.metric)))


def _of_file(project: Path, newest: str, path: str, now: Baseline) -> list[Moment]:
    top = git.root_of(project) or project
    digests: dict[str, str] = {}
    units: dict[str, str] = {}
    found = []
    for touched in git.history_of(project, newest, f"{DIRECTORY}/{path}"):
        told = {
            "profile": now.profile,
            "asset": now.asset,
            "partition": now.partition,
            "day": touched.day,
            "commit": touched.commit,
            "author": touched.author,
            "subject": touched.subject,
        }
        data = git.file_at(top, touched.commit, touched.path)
        try:
            baseline = None if data is None else read(data, f"{touched.commit[:12]}:{touched.path}")
        except (ConfigurationError, IntegrityError) as error:
            nothing = {"metric": "", "unit": "", "median": None, "runs": 0}
            found.append(Moment(**told, **nothing, kind=UNREADABLE, reason=str(error)))  # type: ignore[arg-type]
            continue
        for entry in () if baseline is None else baseline.metrics:
            digest = entry_digest(now, entry)
            if digests.get(entry.metric) == digest:
                continue
            digests[entry.metric], units[entry.metric] = digest, entry.unit
            figures = {"unit": entry.unit, "median": entry.current.median, "runs": len(entry.current.runs)}
            said = {"kind": entry.change.kind, "reason": entry.change.reason}
            found.append(Moment(**told, metric=entry.metric, **figures, **said))  # type: ignore[arg-type]
        for gone in sorted(set(digests) - {entry.metric for entry in (baseline.metrics if baseline else ())}):
            del digests[gone]
            nothing = {"metric": gone, "unit": units[gone], "median": None, "runs": 0}
            found.append(Moment(**told, **nothing, kind="remove", reason=None))  # type: ignore[arg-type]
    return found
