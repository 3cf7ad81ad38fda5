"""Under which circumstances each asset of a run was made: machine, configuration, code, process, data.

Rules:
- One row per run, asset, partition and attempt; an attempt that makes several assets has a row for each of them, and
  one for its own subject.
- A process is told by host, boot and the kernel's start time of it. Where these are not known, the launch stands for
  it; where that is not known either, nothing does.
- What nobody recorded is null. Whether two circumstances may be compared is judged elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.projections.fold import asset_streams, in_order, of_kind, payload_fields

QUERY_KINDS: Final = ("run_started", "asset_started", "environment_recorded")
"""The event kinds this projection needs."""

DATASET_TAG: Final = "dagster_ledger/dataset"
"""Run tag by which a project names the data that a run reads."""

IMPORTED_FROM: Final = "imported_from"
"""Field of the machine class that says where a run was taken over from; no machine that measured has it."""

SCHEMA: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("asset", pa.string()),
        ("partition", pa.string()),
        ("attempt", pa.int64()),
        ("host", pa.string()),
        ("boot_id", pa.string()),
        ("process", pa.string()),
        ("code_version", pa.string()),
        ("code_dirty", pa.bool_()),
        ("config_digest", pa.string()),
        ("environment_digest", pa.string()),
        ("dataset_id", pa.string()),
    ]
)

_STARTED: Final = pa.schema(
    [
        ("output_assets", pa.list_(pa.string())),
        ("host", pa.string()),
        ("boot_id", pa.string()),
        ("pid", pa.int64()),
        ("pid_namespace", pa.int64()),
        ("pid_started_ticks", pa.int64()),
        ("code_version", pa.string()),
        ("code_dirty", pa.bool_()),
        ("config_digest", pa.string()),
        ("environment_digest", pa.string()),
    ]
)
_OPENED: Final = pa.schema([("launch_id", pa.string()), ("tags", pa.struct([(DATASET_TAG, pa.string())]))])
_DIGEST: Final = pa.schema([("digest", pa.string())])


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and its software, as runs recorded it under one digest."""

    digest: str
    machine_class: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The machine class as people read it, for instance ``AMD EPYC, 2 cores, 32 GiB class, Linux, Python 3.11``."""
        known = self.machine_class
        if IMPORTED_FROM in known:
            return f"not measured but imported from {known[IMPORTED_FROM]}"
        cores, memory = known.get("cores"), known.get("memory_class_gib")
        parts = (
            known.get("cpu_model"),
            None if cores is None else f"{cores:g} cores",
            None if memory is None else f"{memory:g} GiB class",
            known.get("os"),
            None if known.get("python") is None else f"Python {known['python']}",
        )
        return ", ".join(str(part) for part in parts if part) or f"machine {self.digest[:12]}"


def circumstances(events: pa.Table) -> pa.Table:
    """Return the circumstances of every attempt, in ``SCHEMA``, ordered by run, asset, partition and attempt.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
    """
    rows = in_order(asset_streams(of_kind(events, "asset_started")))
    said = payload_fields(rows, _STARTED)
    opened = _opened(events)
    launches = _looked_up(rows.column("run_id"), opened, "launch_id")
    columns = {
        "run_id": rows.column("run_id"),
        "asset": rows.column("asset"),
        "partition": rows.column("partition"),
        "attempt": rows.column("attempt"),
        "host": said.column("host"),
        "boot_id": said.column("boot_id"),
        "process": pc.coalesce(_process(said), launches),
        "code_version": said.column("code_version"),
        "code_dirty": said.column("code_dirty"),
        "config_digest": said.column("config_digest"),
        "environment_digest": said.column("environment_digest"),
        "dataset_id": _looked_up(rows.column("run_id"), opened, "dataset_id"),
    }
    subjects = pa.table({name: _flat(column) for name, column in columns.items()}, schema=SCHEMA)
    outputs = _flat(said.column("output_assets"))
    made = subjects.take(pc.list_parent_indices(outputs))
    made = made.set_column(1, "asset", pc.list_flatten(outputs))
    return _once(pa.concat_tables([subjects, made]))


def machines(events: pa.Table) -> dict[str, Machine]:
    """Return every machine that was recorded, by the digest of machine class and software.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
    """
    recorded = of_kind(events, "environment_recorded")
    digests = payload_fields(recorded, _DIGEST).column("digest")
    payloads = recorded.column("payload")
    found = {}
    for digest in sorted(pc.unique(digests).drop_null().to_pylist()):
        first = pc.index(digests, digest).as_py()
        said = json.loads(payloads[first].as_py())
        found[digest] = Machine(digest, said.get("machine_class", {}), said.get("software", {}))
    return found


def _opened(events: pa.Table) -> pa.Table:
    """Return launch and data set of each run that said how it began, one row per run."""
    rows = in_order(of_kind(events, "run_started"))
    said = payload_fields(rows, _OPENED)
    tags = _flat(said.column("tags"))
    table = pa.table(
        {
            "run_id": rows.column("run_id"),
            "launch_id": said.column("launch_id"),
            "dataset_id": pc.struct_field(tags, DATASET_TAG) if len(tags) else pa.array([], pa.string()),
        }
    )
    return table.group_by("run_id", use_threads=False).aggregate([("launch_id", "first"), ("dataset_id", "first")])


def _looked_up(run_ids: pa.ChunkedArray, opened: pa.Table, name: str) -> pa.Array:
    """Return a column of the runs' beginnings for each of these runs, null where nobody said."""
    places = pc.index_in(_flat(run_ids), _flat(opened.column("run_id")))
    return _flat(opened.column(f"{name}_first")).take(places)


def _process(said: pa.Table) -> pa.Array:
    """Return a text that is the same for all attempts of one process, null where that is not known."""
    names = ("host", "boot_id", "pid_namespace", "pid", "pid_started_ticks")
    needed = {"host", "boot_id", "pid", "pid_started_ticks"}
    parts = [
        _flat(said.column(name).cast(pa.string()))
        if name in needed
        else pc.fill_null(_flat(said.column(name).cast(pa.string())), "")
        for name in names
    ]
    return pc.binary_join_element_wise(*parts, "/")


def _once(rows: pa.Table) -> pa.Table:
    """Return the rows without repetitions, in order."""
    keys = ["run_id", "asset", "partition", "attempt"]
    others = [name for name in SCHEMA.names if name not in keys]
    folded = rows.group_by(keys, use_threads=False).aggregate([(name, "first") for name in others])
    named = folded.rename_columns({f"{name}_first": name for name in others}).select(SCHEMA.names)
    return named.sort_by([(name, "ascending") for name in keys]).cast(SCHEMA)


def _flat(column: Any) -> Any:  # noqa: ANN401 - an Arrow array, chunked or not
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
