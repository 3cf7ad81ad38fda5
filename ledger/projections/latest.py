"""The latest of everything that is monitored: what each asset took last, what its checks said, what was approved.

Rules:
- It is folded step by step: what came to be known before, and the events that came since, give what a fold of all
  events at once gives, in whatever order batches become visible. Of the events only those are kept that still matter.
- An asset is told by the job that made it. Its figures are those of its newest success, its state that of the newest
  attempt that ended; attempts that Dagster tries again count for neither.
- A check is told by asset, partition and name, its state is what was evaluated last; an asset is blocked from being
  blocked on until it is made.
- A run whose job nobody told stands for itself until somebody does.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import END_KINDS
from ledger.events.schema import SCHEMA
from ledger.projections.circumstances import Machine
from ledger.projections.fold import of_kind, payload_fields

QUERY_KINDS: Final = (
    "run_started",
    "asset_started",
    "environment_recorded",
    "metric_measured",
    *END_KINDS,
    "check_evaluated",
    "asset_blocked",
    "manifest_signed",
)
"""The event kinds this projection needs."""

_JOB: Final = pa.schema([("job", pa.string())])
_OUTPUTS: Final = pa.schema([("output_assets", pa.list_(pa.string()))])
_RETRYING: Final = "retrying"
_SUCCESS: Final = "success"
_ATTEMPTS: Final = "asset/"


@dataclass(frozen=True, slots=True)
class Latest:
    """What is known so far; left untouched by folding on.

    Attributes:
        rows: The events that still matter, in ``SCHEMA``.
        jobs: Job by run.
    """

    rows: pa.Table = field(default_factory=SCHEMA.empty_table)
    jobs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """What an asset took last, and how it is.

    Attributes:
        pipeline: Its job, ``None`` where nobody told.
        asset: Asset key.
        partition: Partition of the newest success.
        succeeded: When that ended, UTC; ``None`` where it never did.
        ok: Whether the newest attempt that ended was a success; ``None`` where none ended.
        blocked: Whether a closed gate kept it from being made since.
        values: Metric to value and unit, of the newest success.
        machine: Machine class of the newest success for people, ``None`` where it was not recorded.
        config_digest: Digest of its configuration.
    """

    pipeline: str | None
    asset: str
    partition: str | None = None
    succeeded: datetime | None = None
    ok: bool | None = None
    blocked: bool = False
    values: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    machine: str | None = None
    config_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """The latest evaluation of a check; of several partitions a failed one.

    Attributes:
        pipeline: Job, ``None`` where nobody told.
        asset: Asset key.
        check: Name of the check.
        severity: How grave a failure is in Dagster.
        passed: Whether it passed.
        metric: Metric it looks at.
        threshold: The limit, in the unit of the metric.
    """

    pipeline: str | None
    asset: str
    check: str
    severity: str
    passed: bool
    metric: str | None
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The newest accepted manifest of an environment, and when it expires, UTC."""

    environment: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Standings:
    """What is monitored: assets by pipeline and key, checks by these and name, manifests by environment."""

    assets: tuple[AssetState, ...]
    checks: tuple[CheckState, ...]
    approved: tuple[Approved, ...]


def folded(before: Latest, events: pa.Table) -> Latest:
    """Return what is known after further events.

    Args:
        before: What was known.
        events: Events that it does not cover, in ``SCHEMA``; those of other kinds are left out.
    """
    new = of_kind(events, *QUERY_KINDS)
    if new.num_rows == 0:
        return before
    jobs = dict(before.jobs) | _jobs(new)
    rows = pa.concat_tables([before.rows, new.filter(pc.not_equal(new.column("kind"), "run_started"))])
    attempts = pc.starts_with(rows.column("stream"), pattern=_ATTEMPTS)
    kept = pc.or_(
        pc.and_(attempts, pc.is_in(rows.column("stream"), _streams_that_matter(rows.filter(attempts), jobs))),
        pc.equal(rows.column("kind"), "manifest_signed"),
    )
    judged = pc.is_in(rows.column("kind"), pa.array(["check_evaluated", "asset_blocked"]))
    others = pc.and_not(kept, judged)
    told = [rows.filter(others), *_newest_judgements(rows.filter(judged), jobs)]
    return Latest(pa.concat_tables(told).combine_chunks(), jobs)


def standings(latest: Latest) -> Standings:
    """Return what is known, ordered by pipeline, asset and name."""
    rows = latest.rows
    ends = _ends(rows)
    assets = _Assets(latest.jobs)
    assets.read(rows, ends)
    blocked = {_key(row, latest.jobs): row["ts"] for row in of_kind(rows, "asset_blocked").select(_PLACE).to_pylist()}
    found = [assets.state(key, blocked.get(key)) for key in sorted({*assets.keys, *blocked}, key=_sortable)]
    return Standings(tuple(found), tuple(_checks(rows, latest.jobs)), tuple(_approved(rows)))


_PLACE: Final = ["asset", "run_id", "ts"]
_Key = tuple[str, str]
"""Job, or what stands for it, and asset."""


def _job_key(run_id: str | None, jobs: Mapping[str, str]) -> str:
    """Return the job of a run, and where nobody told it, a name that no job has."""
    known = jobs.get(run_id or "")
    return f"\0{run_id or ''}" if known is None else known


def _pipeline(job_key: str) -> str | None:
    return None if job_key.startswith("\0") else job_key


def _key(row: Mapping[str, Any], jobs: Mapping[str, str]) -> _Key:
    return _job_key(row["run_id"], jobs), row["asset"] or ""


def _sortable(key: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple("" if part is None else str(part) for part in key)


def _jobs(events: pa.Table) -> dict[str, str]:
    """Return the job of each run that is told of; what the run itself said counts."""
    found: dict[str, str] = {}
    for kind in ("asset_started", "run_started"):
        rows = of_kind(events, kind)
        names = payload_fields(rows, _JOB).column("job").to_pylist()
        pairs = zip(rows.column("run_id").to_pylist(), names, strict=True)
        found |= {run_id: name for run_id, name in pairs if run_id is not None and name is not None}
    return found


def _ends(rows: pa.Table) -> dict[str, tuple[datetime, str]]:
    """Return when and how each attempt ended, by stream; the last word counts."""
    ends = of_kind(rows, *END_KINDS).select(["stream", "seq", "ts", "status"]).sort_by("seq")
    told = zip(*(ends.column(name).to_pylist() for name in ("stream", "ts", "status")), strict=True)
    return {stream: (ts, status) for stream, ts, status in told}


def _made(rows: pa.Table) -> Iterator[tuple[str, str | None, str]]:
    """Yield stream, run and asset for every asset that an attempt makes."""
    started = of_kind(rows, "asset_started")
    outputs = payload_fields(started, _OUTPUTS).column("output_assets").to_pylist()
    told = zip(*(started.column(name).to_pylist() for name in ("stream", "run_id", "asset")), outputs, strict=True)
    for stream, run_id, asset, made in told:
        for one in {asset, *(made or ())}:
            yield stream, run_id, one or ""


def _streams_that_matter(rows: pa.Table, jobs: Mapping[str, str]) -> pa.Array:
    """Return the attempts that did not end, and of each asset the newest that ended and the newest success."""
    ends = _ends(rows)
    newest: dict[tuple[_Key, bool], tuple[datetime, str]] = {}
    kept = set()
    for stream, run_id, asset in _made(rows):
        end = ends.get(stream)
        if end is None:
            kept.add(stream)
            continue
        if end[1] == _RETRYING:
            continue
        for success in {False, end[1] == _SUCCESS}:
            place = (_job_key(run_id, jobs), asset), success
            newest[place] = max(newest.get(place, (end[0], "")), (end[0], stream))
    return pa.array(sorted(kept | {stream for _, stream in newest.values()}), pa.string())


def _newest_judgements(rows: pa.Table, jobs: Mapping[str, str]) -> Iterator[pa.Table]:
    """Yield the newest evaluation of each check, and the newest time that each asset was blocked."""
    for kind, names in (("check_evaluated", ("asset", "partition", "check")), ("asset_blocked", ("asset",))):
        told = of_kind(rows, kind).sort_by([(name, "ascending") for name in ("ts", "stream", "seq")])
        runs = told.column("run_id").to_pylist()
        places = zip(runs, *(told.column(name).to_pylist() for name in names), strict=True)
        newest = {(_job_key(run_id, jobs), *rest): number for number, (run_id, *rest) in enumerate(places)}
        yield told.take(pa.array(sorted(newest.values()), pa.int64()))


class _Assets:
    """Gathers what is known of each asset from the attempts that are kept."""

    def __init__(self, jobs: Mapping[str, str]) -> None:
        """Begin with nothing."""
        self._jobs = jobs
        self._ended: dict[_Key, tuple[datetime, str, str]] = {}
        self._succeeded: dict[_Key, tuple[datetime, str]] = {}
        self._values: dict[tuple[str, str], dict[str, tuple[float, str]]] = defaultdict(dict)
        self._partitions: dict[str, str | None] = {}
        self._configs: dict[str, str | None] = {}
        self._machines: dict[str, str] = {}

    @property
    def keys(self) -> set[_Key]:
        """The assets of which an attempt ended."""
        return set(self._ended)

    def read(self, rows: pa.Table, ends: Mapping[str, tuple[datetime, str]]) -> None:
        """Take down the attempts."""
        for stream, run_id, asset in _made(rows):
            end = ends.get(stream)
            if end is None or end[1] == _RETRYING:
                continue
            key = _job_key(run_id, self._jobs), asset
            self._ended[key] = max(self._ended.get(key, (end[0], "", "")), (end[0], stream, end[1]))
            if end[1] == _SUCCESS:
                self._succeeded[key] = max(self._succeeded.get(key, (end[0], "")), (end[0], stream))
        self._read_values(rows)
        for row in of_kind(rows, "asset_started").select(["stream", "partition", "payload"]).to_pylist():
            self._partitions[row["stream"]] = row["partition"]
            self._configs[row["stream"]] = json.loads(row["payload"] or "{}").get("config_digest")
        for row in of_kind(rows, "environment_recorded").select(["stream", "payload"]).to_pylist():
            said = json.loads(row["payload"] or "{}")
            machine = Machine(str(said.get("digest")), said.get("machine_class") or {})
            self._machines[row["stream"]] = machine.name

    def _read_values(self, rows: pa.Table) -> None:
        measured = of_kind(rows, "metric_measured").sort_by("seq")
        names = ("stream", "asset", "metric", "value", "unit")
        for stream, asset, metric, value, unit in zip(
            *(measured.column(name).to_pylist() for name in names), strict=True
        ):
            if metric is not None and value is not None:
                self._values[stream, asset or ""][metric] = (value, unit or "")

    def state(self, key: _Key, blocked: datetime | None) -> AssetState:
        """Return the state of an asset.

        Args:
            key: Job and asset.
            blocked: When it was blocked last.
        """
        succeeded, ended = self._succeeded.get(key), self._ended.get(key)
        stream = succeeded[1] if succeeded else ""
        return AssetState(
            pipeline=_pipeline(key[0]),
            asset=key[1],
            partition=self._partitions.get(stream),
            succeeded=succeeded[0] if succeeded else None,
            ok=None if ended is None else ended[2] == _SUCCESS,
            blocked=blocked is not None and (succeeded is None or succeeded[0] < blocked),
            values=self._values.get((stream, key[1]), {}),
            machine=self._machines.get(stream),
            config_digest=self._configs.get(stream),
        )


def _checks(rows: pa.Table, jobs: Mapping[str, str]) -> Iterator[CheckState]:
    """Yield the state of each check, of several partitions the newest that failed, else the newest."""
    told = of_kind(rows, "check_evaluated").sort_by([(name, "ascending") for name in ("ts", "stream", "seq")])
    latest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in told.to_pylist():
        place = (*_key(row, jobs), row["check"] or "")
        if place not in latest or row["status"] != "passed" or latest[place]["status"] == "passed":
            latest[place] = row
    for place in sorted(latest):
        row = latest[place]
        yield CheckState(
            pipeline=_pipeline(place[0]),
            asset=place[1],
            check=place[2],
            severity=row["severity"] or "",
            passed=row["status"] == "passed",
            metric=row["metric"],
            threshold=json.loads(row["payload"] or "{}").get("threshold"),
        )


def _approved(rows: pa.Table) -> Iterator[Approved]:
    """Yield the newest accepted manifest of each environment."""
    signed = of_kind(rows, "manifest_signed").sort_by([(name, "ascending") for name in ("ts", "stream", "seq")])
    accepted = [said for text in signed.column("payload").to_pylist() if (said := json.loads(text))["accepted"]]
    for environment, said in sorted({said["environment"]: said for said in accepted}.items()):
        yield Approved(environment=environment, expires=datetime.fromisoformat(said["expires"]))
