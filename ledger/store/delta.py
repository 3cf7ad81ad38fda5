"""A Delta log over the segments: other engines read the ledger's own files as a table, and nothing is copied.

Rules:
- The table is ``segments/``. Its newest version lists the segments of the newest record, by paths relative to it; what
  is not compacted is not in it.
- An export is one commit, put if absent under the next number: of exporters that race one wins, and the others look at
  log and record again. The log is read before the record, so that no exporter takes back what a later one wrote.
- The log holds no event. It may be removed whole at any time, and the next export begins a new one.
- Nobody else writes to the table. Its properties make engines refuse to delete rows, and keep ``VACUUM`` away from
  segments that are not in the log yet.

``docs/adr/0008-delta-log.md`` says why no library writes it.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa

from ledger import __version__
from ledger.errors import IntegrityError, StoreError
from ledger.events.schema import SCHEMA
from ledger.store import files, records, segments
from ledger.store.medium import Medium
from ledger.store.records import Record, Segment

DIRECTORY: Final = f"{segments.DIRECTORY}/_delta_log"
PARTITION: Final = "month"
"""The column that is told by the path alone."""

_Action: TypeAlias = dict[str, Any]

_COMMIT: Final = re.compile(rf"{re.escape(DIRECTORY)}/\d{{20}}\.json")
_APPLICATION: Final = "dagster-ledger"
_TRIES: Final = 50
_PROTOCOL: Final = {"minReaderVersion": 1, "minWriterVersion": 2}
_TYPES: Final = {
    pa.string(): "string",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.float64(): "double",
    pa.timestamp("us", tz="UTC"): "timestamp",
}
_FOREVER: Final = "interval 36500 days"
_PROPERTIES: Final = {
    "delta.appendOnly": "true",
    # Without it delta-rs takes what is not told of a column for null, and passes over every file.
    "delta.dataSkippingStatsColumns": "ts",
    "delta.deletedFileRetentionDuration": _FOREVER,
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": _FOREVER,
}


@dataclass(frozen=True, slots=True)
class DeltaExport:
    """What an export came to.

    Attributes:
        version: The newest version of the table.
        added: Segments that this export added.
        removed: Segments that this export took out, since others hold their events now.
        files: Segments in the table.
        appends: Appends in the table: the first so many leaves of the ledger's tree.
        unchanged: Whether the table had it all already, so that nothing was written.
    """

    version: int
    added: int
    removed: int
    files: int
    appends: int
    unchanged: bool


@dataclass(slots=True)
class _Log:
    """What the commits of a log come to.

    Attributes:
        version: Number of the newest one, -1 where there is none.
        metadata: What they say of the table.
        appends: Appends in the table.
        present: The ``add`` of every segment in the table, by path.
    """

    version: int = -1
    metadata: _Action = field(default_factory=dict)
    appends: int = 0
    present: dict[str, _Action] = field(default_factory=dict)

    def apply(self, action: _Action) -> None:
        """Take in one line of a commit.

        Raises:
            ValueError: No export writes such a line.
        """
        ((kind, told),) = action.items()
        if kind == "add":
            if not segments.is_name(f"{segments.DIRECTORY}/{told['path']}"):
                message = f"it adds {told['path']}, which is no segment"
                raise ValueError(message)
            self.present[told["path"]] = told
        elif kind == "remove":
            self.present.pop(told["path"], None)
        elif kind == "metaData":
            self.metadata = told
        elif kind == "txn" and told["appId"] == _APPLICATION:
            self.appends = int(told["version"])
        elif kind == "protocol" and told != _PROTOCOL:
            message = "it changes the protocol"
            raise ValueError(message)


def export(medium: Medium) -> DeltaExport:
    """Bring the Delta log to what the newest record lists; where it is there already, nothing is written.

    Raises:
        IntegrityError: The log is not as exports leave it, or it is ahead of the ledger.
        StoreError: The medium refused, or others exported all the time.
    """
    for _ in range(_TRIES):
        try:
            log = _read(medium)
        except FileNotFoundError:
            continue  # Somebody is removing the log; what is there next is a whole one or none.
        record = records.newest(medium)
        if record.size < log.appends:
            message = (
                f"the table at {medium.where(segments.DIRECTORY)} has {log.appends:,} appends and the ledger"
                f" {record.size:,} compacted ones, as if it were an older copy; {_remedy(medium)}"
            )
            raise IntegrityError(message)
        done = _exported(medium, log, record)
        if done is not None:
            return done
    message = f"others exported the ledger at {medium.uri} {_TRIES} times meanwhile; export it again"
    raise StoreError(message)


def commit_name(version: int) -> str:
    """Return the name of a commit on the medium."""
    return f"{DIRECTORY}/{version:020d}.json"


def statistics(segment: Segment) -> _Action:
    """Return what the log says of the rows of a segment.

    Times are told in milliseconds there, so they are rounded away from the rows and called bounds: some engines take
    the largest time for told exactly, and would pass over rows of the last millisecond.
    """
    return {
        "numRecords": segment.rows,
        "tightBounds": False,
        "minValues": {"ts": _moment(segment.first_ts // 1000)},
        "maxValues": {"ts": _moment(-(-segment.last_ts // 1000))},
    }


def _exported(medium: Medium, log: _Log, record: Record) -> DeltaExport | None:
    """Commit what a record has and a log has not; return ``None`` where another exporter was first."""
    wanted = {_path(segment): segment for segment in record.segments}
    added = [segment for path, segment in wanted.items() if path not in log.present]
    removed = [told for path, told in log.present.items() if path not in wanted]
    metadata = _metadata(log.metadata)
    if not added and not removed and metadata == log.metadata:
        return DeltaExport(log.version, 0, 0, len(wanted), record.size, unchanged=True)
    version = log.version + 1
    data = b"".join(
        json.dumps(action, separators=(",", ":")).encode() + b"\n"
        for action in _actions(log, record, metadata, added, removed)
    )
    # The content tells whose commit has the number: a put that is repeated after a lost answer meets its own.
    name = commit_name(version)
    if not medium.put_if_absent(name, data) and medium.read(name) != data:
        return None
    return DeltaExport(version, len(added), len(removed), len(wanted), record.size, unchanged=False)


def _actions(
    log: _Log, record: Record, metadata: _Action, added: Sequence[Segment], removed: Sequence[_Action]
) -> Iterator[_Action]:
    """Yield the lines of a commit."""
    now_ms = time.time_ns() // 1_000_000
    yield {
        "commitInfo": {
            "timestamp": now_ms,
            "operation": "EXPORT",
            "operationParameters": {"record": str(record.number), "appends": str(record.size)},
            "operationMetrics": {"numAddedFiles": str(len(added)), "numRemovedFiles": str(len(removed))},
            "engineInfo": f"{_APPLICATION}/{__version__}",
            "isBlindAppend": False,
            "txnId": str(uuid.uuid4()),
        }
    }
    if not log.metadata:
        yield {"protocol": _PROTOCOL}
    if metadata != log.metadata:
        yield {"metaData": metadata}
    yield {"txn": {"appId": _APPLICATION, "version": record.size, "lastUpdated": now_ms}}
    for told in removed:
        # Compaction never drops an event: what was in this file is in those that this commit adds.
        kept = {name: told[name] for name in ("path", "partitionValues", "size")}
        yield {"remove": {**kept, "deletionTimestamp": now_ms, "dataChange": False, "extendedFileMetadata": True}}
    for segment in added:
        yield {
            "add": {
                "path": _path(segment),
                "partitionValues": {PARTITION: segment.month},
                "size": segment.stored_bytes,
                "modificationTime": int(record.written.timestamp() * 1000),
                "dataChange": segment.last_leaf >= log.appends,
                "stats": json.dumps(statistics(segment), separators=(",", ":")),
            }
        }


def _metadata(before: Mapping[str, Any]) -> _Action:
    """Return what a log has to say of the table; its id and the time it was made stay what they were."""
    columns = [(item.name, _TYPES[item.type], item.nullable) for item in SCHEMA] + [(PARTITION, "string", False)]
    fields = [{"name": name, "type": kind, "nullable": null, "metadata": {}} for name, kind, null in columns]
    return {
        "id": before.get("id") or str(uuid.uuid4()),
        "name": "events",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}, separators=(",", ":")),
        "partitionColumns": [PARTITION],
        "createdTime": before.get("createdTime") or time.time_ns() // 1_000_000,
        "configuration": _PROPERTIES,
    }


def _read(medium: Medium) -> _Log:
    """Return what the commits come to, from the first on.

    Raises:
        IntegrityError: One is missing, or is none of ours.
        FileNotFoundError: One was removed meanwhile.
    """
    names = [name for name in medium.names(DIRECTORY) if _COMMIT.fullmatch(name)]
    log = _Log()
    for version, (name, path) in enumerate(zip(names, medium.paths(names), strict=True)):
        if name != commit_name(version):
            message = f"{medium.where(commit_name(version))} is missing; {_remedy(medium)}"
            raise IntegrityError(message)
        try:
            for line in _lines(path) or [b""]:  # An empty commit is none.
                log.apply(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{medium.where(name)} is no commit of an export ({error}); {_remedy(medium)}"
            raise IntegrityError(message) from error
        log.version = version
    return log


def _lines(path: Path) -> list[bytes]:
    """Return the lines of a commit."""
    with files.explained("read", path):
        return path.read_bytes().splitlines()


def _path(segment: Segment) -> str:
    """Return how the log calls a segment."""
    return segment.name.removeprefix(f"{segments.DIRECTORY}/")


def _moment(ms: int) -> str:
    """Return a time as statistics tell it."""
    seconds, rest = divmod(ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:03d}Z"


def _remedy(medium: Medium) -> str:
    return f"remove {medium.where(DIRECTORY)}, which holds no event, and export again"
