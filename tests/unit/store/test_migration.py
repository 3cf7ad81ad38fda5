"""Ledgers of every version that was ever written are read for ever; what is newer is kept and shown, or refused.

``tests/golden/ledgers/v1`` is a ledger as version 1 wrote it: loose, sealed and compacted appends of every kind of
event, one kind that no release knows, and one known kind in a version to come. It is never written again.
"""

import dataclasses
import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.errors import IntegrityError
from ledger.events import KINDS, MetricMeasured, UnknownEvent, asset_stream
from ledger.events.base import Event
from ledger.events.batch import freeze
from ledger.events.codec import from_table
from ledger.events.merkle import root_of
from ledger.events.schema import SCHEMA
from ledger.service.reading.replay import replay_runs, replay_samples
from ledger.store import leaves, loose, open_store, records
from ledger.store.protocol import EventQuery
from ledger_cli.main import main
from tests.unit.events.test_golden import EXAMPLES

GOLDEN = Path(__file__).parents[2] / "golden" / "ledgers"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CarbonMeasured(Event):
    """A kind of a release to come."""

    KIND: ClassVar[str] = "carbon_measured"
    grams: float
    sources: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MetricMeasuredLater(Event):
    """A known kind, as a release to come will write it."""

    KIND: ClassVar[str] = "metric_measured"
    VERSION: ClassVar[int] = 2
    metric: str
    value: float
    unit: str
    quantile: float


def write_golden(place):
    """Write the golden ledger of the present version; done once for each version."""
    store = open_store(str(place), create=True)
    for number, run_id in enumerate(("run-1", "run-2", "run-3")):
        ts = NOW + timedelta(days=20 * number)
        last = None
        for event in EXAMPLES:
            placed = dataclasses.replace(event, run_id=run_id)
            last = freeze(str(asset_stream("companies", run_id, None, 0)), [(ts, placed)], after=last)
            store.append(last)
        later = CarbonMeasured(run_id=run_id, asset="companies", grams=1.5, sources=("grid", "sun"))
        again = MetricMeasuredLater(run_id=run_id, asset="companies", metric="cpu_s", value=2.0, unit="s", quantile=0.5)
        store.append(freeze(f"carbon/{run_id}", [(ts, later), (ts, again)]))
        if number == 0:
            store.compact(grace_s=0.0)
        elif number == 1:
            store.seal()
    (place / "events.json").write_text(told(store))


def told(store):
    """Return every row of a ledger as JSON, the same from whatever release."""
    rows = store.read().to_pylist()
    return "".join(json.dumps({**row, "ts": row["ts"].isoformat()}, sort_keys=True) + "\n" for row in rows)


def golden_rows():
    return [json.loads(line) for line in (GOLDEN / "v1" / "events.json").read_text().splitlines()]


def appends_a_run():
    """Return how many appends each of the three runs has: one for each kind that there was, one of kinds to come."""
    return len({(row["stream"], row["batch"]) for row in golden_rows()}) // 3


@pytest.fixture
def ledger(request, tmp_path):
    """A copy of the golden ledger, since commands may leave snapshots in it."""
    golden = GOLDEN / "v1"
    if not golden.exists() and request.config.getoption("--update-golden"):
        write_golden(golden)
    shutil.copytree(golden, tmp_path / "ledger")
    (tmp_path / "ledger" / "events.json").unlink()
    return tmp_path / "ledger"


def test_a_ledger_of_version_1_reads_as_it_was_written(ledger):
    store = open_store(str(ledger))
    assert told(store) == (GOLDEN / "v1" / "events.json").read_text()
    written = {row["kind"] for row in golden_rows()}
    assert "carbon_measured" in written
    assert written == store.view().names_in("kind")
    # A kind may be added by a later release, and none may be forgotten.
    assert written - {"carbon_measured"} <= set(KINDS)


def test_a_ledger_of_version_1_is_what_was_sealed(ledger):
    found = open_store(str(ledger)).verify()
    assert found.problems == ()
    assert found.unsealed == appends_a_run()
    assert found.checkpoint.size == 2 * appends_a_run()


def test_a_ledger_of_version_1_is_carried_on(ledger):
    store = open_store(str(ledger))
    before = told(store)
    store.append(freeze("run/new", [(NOW, MetricMeasured(run_id="new", metric="m", value=1.0, unit="s"))]))
    store.compact(grace_s=0.0)
    assert store.verify().problems == ()
    assert len(told(store).splitlines()) == len(before.splitlines()) + 1
    assert store.head(str(asset_stream("companies", "run-3", None, 0))).number == appends_a_run() - 2
    assert replay_runs(store).num_rows == 3
    assert replay_samples(store, EventQuery()).num_rows > 0


def test_kinds_and_versions_to_come_are_shown_with_all_they_hold(ledger, capsys):
    unknown = [
        entry.event for entry in from_table(open_store(str(ledger)).read()) if isinstance(entry.event, UnknownEvent)
    ]
    assert len(unknown) == 6
    assert {(event.kind, event.kind_version) for event in unknown} == {("carbon_measured", 1), ("metric_measured", 2)}
    assert unknown[0].fields["sources"] == ("grid", "sun")
    assert main(["events", "--kind", "carbon_measured", "--format", "json", "--ledger", str(ledger)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert '"grams": 1.5' in lines[0] or '"grams":1.5' in lines[0]


def test_compaction_keeps_what_it_does_not_know(ledger):
    store = open_store(str(ledger))
    before = told(store)
    store.compact(grace_s=0.0)
    assert told(store) == before


def test_a_column_to_come_does_no_harm_and_is_not_lost_from_loose_files(tmp_path):
    store = open_store(str(tmp_path), create=True)
    store.append(freeze("run/r", [(NOW, MetricMeasured(run_id="r", metric="m", value=1.0, unit="s"))]))
    (path,) = (tmp_path / "loose").iterdir()
    table = pq.read_table(path)
    metadata = pq.read_metadata(path).metadata
    wider = table.append_column("host", pa.array(["h"]))
    with pq.ParquetWriter(path, wider.schema, store_schema=False) as writer:
        writer.write_table(wider)
        writer.add_key_value_metadata({key: value for key, value in metadata.items() if key.startswith(b"ledger.")})
    assert store.read().schema == SCHEMA
    assert store.read().column("value").to_pylist() == [1.0]


def newer_marker(place):
    (place / "FORMAT").write_text((place / "FORMAT").read_text().replace("dagster-ledger 1", "dagster-ledger 2"))
    return place / "FORMAT"


def newer_loose_file(place):
    path = min((place / "loose").iterdir())
    path.write_bytes(loose.stamped(path.read_bytes().replace(b"ledger.format\x18\x011", b"ledger.format\x18\x012")))
    return path


def newer_record(place):
    path = max((place / "records").iterdir())
    body = path.read_text().replace('"format":1', '"format":2').partition('"sha256"')[0]
    text = body.removeprefix('{"record":').rstrip(",")
    path.write_text(f'{{"record":{text},"sha256":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n')
    return path


@pytest.mark.parametrize("make_newer", [newer_marker, newer_loose_file, newer_record])
def test_a_newer_format_is_refused_with_one_sentence(ledger, make_newer, capsys):
    path = make_newer(ledger)
    before = path.read_bytes()
    code = main(["ledger", "verify", "--ledger", str(ledger)])
    said = capsys.readouterr()
    text = said.err + said.out
    assert code == 4
    assert "format 2, this release reads up to 1" in text
    assert path.read_bytes() == before


def test_rows_of_a_newer_writer_are_refused(tmp_path):
    store = open_store(str(tmp_path), create=True)
    batch = freeze("run/r", [(NOW, MetricMeasured(run_id="r", metric="m", value=1.0, unit="s"))])
    place = batch.rows.column_names.index("writer_version")
    newer = batch.rows.set_column(place, SCHEMA.field("writer_version"), pa.array([2], pa.int16()))
    store.append(dataclasses.replace(batch, rows=newer))
    with pytest.raises(IntegrityError, match="format 2, this release reads up to 1"):
        store.read()


def test_the_golden_ledger_has_the_root_its_leaves_give(ledger):
    store = open_store(str(ledger))
    record = records.newest(store.medium)
    hashes = [digest for file in record.leaves for digest in leaves.digests(leaves.read(store.medium, file).table)]
    assert root_of(hashes).hex() == record.root
