"""Inputs that are not what they should be, through the whole asset: a clear outcome, counted, nothing half done."""

import shutil
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets import sources
from assets.generate import generate
from assets.sources import stored_source
from ledger.chunks import InputChangedError
from ledger.events import AssetFailed, BreakdownMeasured, ChunksResumed, MetricMeasured
from tests.assets.test_larger_than_memory import events, link

AWARDS, REGISTRY = 1_200, 800
COLUMNS = ["row", "name", "uei", "duns", "cage"]


@pytest.fixture(scope="module")
def made():
    return generate(AWARDS, REGISTRY, 5)


@pytest.fixture
def files(made, tmp_path) -> dict[str, str]:
    paths = {"source": tmp_path / "awards.parquet", "registry": tmp_path / "registry.parquet"}
    pq.write_table(made.awards, paths["source"], row_group_size=300)
    pq.write_table(made.registry, paths["registry"])
    return {name: str(path) for name, path in paths.items()}


def values(place: Path) -> dict[str, float]:
    return {event.metric: event.value for event in events(place, MetricMeasured) if event.asset == "enriched_source"}


def stage(place: Path) -> Path:
    return place / "output" / "stages" / "enriched_source.parquet"


def csv(rows: list[str]) -> str:
    return "\n".join(["row,name,uei,duns,cage", *rows]) + "\n"


def without(table: pa.Table, column: str) -> pa.Table:
    return table.drop_columns([column])


LONG = csv([f"{row},Acme {row},,,{'x' * 100}" for row in range(20_000)])
REFUSED = {
    "a column is missing": (
        lambda made, path: pq.write_table(without(made.awards, "duns"), path),
        "has no column duns",
    ),
    "a number that was an identifier": (
        lambda made, path: pq.write_table(made.awards.set_column(3, "duns", pa.array([1.5] * AWARDS)), path),
        "column duns of .* holds double; store names and identifiers as text",
    ),
    "no byte": (lambda _, path: path.write_bytes(b""), "cannot be read as parquet"),
    "no Parquet": (lambda _, path: path.write_bytes(b"row,name\n0,Acme\n"), "cannot be read as parquet"),
    "cut off": (
        lambda made, path: (pq.write_table(made.awards, path), path.write_bytes(path.read_bytes()[:-200])),
        "cannot be read as parquet",
    ),
    "Latin-1": (lambda _, path: path.write_bytes(csv(["0,Stra\u00dfe,,,"]).encode("latin-1")), "a CSV file in UTF-8"),
    "UTF-16": (
        lambda _, path: path.write_bytes(csv(["0,Acme,,,"]).encode("utf-16")),
        "a CSV file in UTF-8|has no column",
    ),
    "UTF-8 at first and Latin-1 later": (
        lambda _, path: path.write_bytes(LONG.encode() + csv(["0,Stra\u00dfe,,,"]).encode("latin-1")),
        "a CSV file in UTF-8",
    ),
    "a row with more columns": (
        lambda _, path: path.write_text(csv(["0,Acme,,,", "1,Apex,,,,,,"])),
        "cannot be read as csv",
    ),
    "a column twice": (
        lambda _, path: path.write_text("row,name,name,uei,duns,cage\n0,Acme,Apex,,,\n"),
        "more than one column name",
    ),
}


@pytest.mark.parametrize("trouble", REFUSED)
def test_a_source_that_cannot_be_used_is_refused_in_one_sentence_that_names_it(made, files, tmp_path, trouble):
    write, said = REFUSED[trouble]
    is_csv = trouble in {
        "Latin-1",
        "UTF-16",
        "UTF-8 at first and Latin-1 later",
        "a row with more columns",
        "a column twice",
    }
    path = tmp_path / ("broken.csv" if is_csv else "broken.parquet")
    write(made, path)
    with pytest.raises(Exception, match=said):
        link(tmp_path, {**files, "source": str(path)})
    (failed,) = events(tmp_path, AssetFailed)
    assert failed.error_type.endswith("ConfigurationError")
    assert str(path) in failed.error_message
    assert "\n" not in failed.error_message
    assert not stage(tmp_path).exists()


def test_a_registry_without_its_key_is_refused_before_anything_is_made(made, files, tmp_path):
    pq.write_table(without(made.registry, "key"), files["registry"])
    with pytest.raises(Exception, match="has no column key"):
        link(tmp_path, files)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_source_without_rows_gives_a_table_without_rows(made, files, tmp_path, kind):
    path = tmp_path / f"empty.{kind}"
    if kind == "csv":
        path.write_text(csv([]))
    else:
        pq.write_table(made.awards.slice(0, 0), path)
    link(tmp_path, {**files, "source": str(path)})
    assert pq.read_table(stage(tmp_path)).num_rows == 0
    found = values(tmp_path)
    assert (found["rows_in"], found["rows_out"], found["chunk_attempts"]) == (0, 0, 0)
    assert "match_rate" not in found


def test_keys_and_identifiers_that_are_there_twice_link_nothing_and_are_counted(made, files, tmp_path):
    link(tmp_path / "once", files)
    once = values(tmp_path / "once")
    twin = made.registry.set_column(
        made.registry.column_names.index("key"), "key", pa.array([f"twin-{row}" for row in range(REGISTRY)])
    )
    pq.write_table(pa.concat_tables([made.registry, made.registry, twin]), files["registry"])
    link(tmp_path / "twice", files)
    twice = values(tmp_path / "twice")
    assert pq.read_table(stage(tmp_path / "twice")).num_rows == AWARDS
    assert once["match_rate"] > 0.5
    assert twice["match_rate"] == 0.0
    refused = [one.counts for one in events(tmp_path / "twice", BreakdownMeasured) if one.metric.startswith("refused")]
    assert sum(count for kind, count in refused[0].items() if kind.endswith(":ambiguous")) > 0.5 * AWARDS


def test_text_that_is_no_text_costs_its_rows_and_no_others(made, files, tmp_path):
    names = made.awards.column("name").to_pylist()
    broken = pa.array(
        [name.encode() if row != 700 else b"Stra\xdfe \xff" for row, name in enumerate(names)], pa.binary()
    )
    spoilt = made.awards.set_column(1, "name", pa.Array.from_buffers(pa.string(), AWARDS, broken.buffers()))
    assert made.awards.column_names[1] == "name"
    pq.write_table(spoilt, files["source"], row_group_size=300)
    with pytest.raises(Exception, match=r"1 of 1200 rows could not be made \(rows 700 to 700\)"):
        link(tmp_path, files, chunk_size=60, chunk_retries=0)
    assert not stage(tmp_path).exists()
    link(tmp_path, files, chunk_size=60, chunk_retries=0, on_chunk_failure="quarantine")
    assert values(tmp_path)["quarantined_rows"] == 1
    rows = pq.read_table(stage(tmp_path)).column("row").to_pylist()
    assert rows == [row for row in range(AWARDS) if row != 700]


@pytest.mark.parametrize("which", ["source", "registry"])
def test_a_file_that_changes_meanwhile_ends_the_run_and_what_was_made_of_the_old_one_is_kept(
    made, files, tmp_path, which
):
    whole = link(tmp_path / "whole", files, chunk_size=AWARDS).read_bytes()
    kept = tmp_path / "kept"
    shutil.copy(files[which], kept)
    place = tmp_path / "changed"

    def change():
        while not list(place.glob("output/.work/enriched_source/*/parts/*.arrow")):
            time.sleep(0.001)
        pq.write_table(made.awards.slice(0, 7) if which == "source" else made.registry.slice(0, 7), files[which])

    changing = threading.Thread(target=change)
    changing.start()
    with pytest.raises(Exception, match=r"changed while it was read; nothing of it is published"):
        link(place, files, chunk_size=3)
    changing.join()
    assert not stage(place).exists()
    shutil.copy(kept, files[which])
    assert link(place, files, chunk_size=AWARDS).read_bytes() == whole
    assert [event.kept_rows > 0 for event in events(place, ChunksResumed)] == [False, True]


def test_nothing_is_kept_of_a_csv_file_that_changes_while_it_is_converted(tmp_path, monkeypatch):
    path = tmp_path / "awards.csv"
    path.write_text(csv(["0,Acme,,,"]))
    opened = sources._opened_csv

    def opened_late(found: Path):
        reader = opened(found)
        path.write_text(csv(["0,Acme,,,", "1,Apex,,,"]))
        return reader

    monkeypatch.setattr(sources, "_opened_csv", opened_late)
    with pytest.raises(InputChangedError):
        stored_source(str(path), ("name",), tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []
    monkeypatch.undo()
    assert stored_source(str(path), ("name",), tmp_path / "work").num_rows == 2
