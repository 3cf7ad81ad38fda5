"""Sources of one's own: what is read as it is, and what is refused in one sentence with what, where and what to do."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from assets.sources import (
    SourceConfig,
    identifiers_of,
    read_table,
    read_truth,
    registry_identifiers,
    stored_source,
    with_text,
)
from ledger.errors import ConfigurationError


def refusal(raised) -> str:
    """Return the message, which is one line."""
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["s.csv", "S.CSV"])
def test_csv_is_read_as_text_so_that_leading_zeros_stay(tmp_path, name):
    (tmp_path / name).write_text("name,duns\nAcme,001234567\nApex,\nNA,1e5\n")
    table = read_table(str(tmp_path / name), ("name", "duns"))
    assert table.column("duns").to_pylist() == ["001234567", None, "1e5"]


def test_csv_keeps_quoted_commas_line_ends_and_other_scripts(tmp_path):
    (tmp_path / "s.csv").write_bytes('\ufeffname,duns\r\n"Acme, ""Inc""",1\r\nÉlan 株式会社,2\r\n'.encode())
    table = read_table(str(tmp_path / "s.csv"), ("name",))
    assert table.column("name").to_pylist() == ['Acme, "Inc"', "Élan 株式会社"]


@pytest.mark.parametrize("name", ["s.parquet", "s.pq", "s"])
def test_parquet_is_read_under_any_other_name(tmp_path, name):
    table = pa.table({"name": ["Acme"], "founded": [1901]})
    pq.write_table(table, tmp_path / name)
    assert read_table(str(tmp_path / name), ("name",)).equals(table)


def test_a_file_with_columns_and_no_rows_is_a_table_without_rows(tmp_path):
    (tmp_path / "s.csv").write_text("name,duns\n")
    assert read_table(str(tmp_path / "s.csv"), ("name", "duns")).num_rows == 0


@pytest.mark.parametrize(
    ("name", "content", "sentence", "remedy"),
    [
        ("gone.csv", None, "there is no file", "correct the path"),
        ("s.csv", b"name,duns\nAcme,1\n", "has no column uei; it has name, duns", "correct the columns"),
        ("s.csv", b"a,b\n1,2\n", "has no column name, uei; it has a, b", "correct the columns"),
        ("s.csv", b"name,uei,uei\nAcme,1,2\n", "has more than one column uei", "rename all but one"),
        ("s.csv", b"", "cannot be read as csv", "a CSV file in UTF-8"),
        ("s.csv", b"name,uei\nAcme\n", "cannot be read as csv", "a CSV file in UTF-8"),
        ("s.csv", "name,uei\nÉlan,1\n".encode("latin-1"), "cannot be read as csv", "a CSV file in UTF-8"),
        ("s.parquet", b"", "cannot be read as parquet", "give a Parquet file"),
        ("s.parquet", b"PAR1 nonsense", "cannot be read as parquet", "give a Parquet file"),
        ("s.xlsx", b"PK nonsense", "cannot be read as xlsx", "give a Parquet file, or a CSV file in UTF-8 named .csv"),
    ],
)
def test_a_bad_source_is_told_with_its_path_and_a_remedy(tmp_path, name, content, sentence, remedy):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        read_table(str(path), ("name", "uei"))
    assert str(path) in refusal(raised)
    assert remedy in refusal(raised)


def test_a_directory_is_no_source(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no file"):
        read_table(str(tmp_path), ())


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["150483782", None]),
        pa.array(["150483782", None], pa.large_string()),
        pa.array(["150483782", None]).dictionary_encode(),
        pa.array([150_483_782, None], pa.int64()),
    ],
    ids=["text", "large text", "dictionary", "whole numbers"],
)
def test_identifiers_are_text_however_parquet_stores_them(values):
    found = with_text(pa.table({"a": [1, 2], "duns": values}), "s.parquet", ("duns",))
    assert found.column_names == ["a", "duns"]
    assert found.column("duns").type == pa.string()
    assert found.column("duns").to_pylist() == ["150483782", None]


@pytest.mark.parametrize(
    "values",
    [pa.array([150_483_782.0]), pa.array([b"x"]), pa.array([["x"]]), pa.array([True])],
    ids=lambda v: str(v.type),
)
def test_a_column_of_another_type_is_refused_with_its_type_and_file(values):
    with pytest.raises(ConfigurationError, match="store names and identifiers as text") as raised:
        with_text(pa.table({"duns": values}), "s.parquet", ("duns",))
    assert refusal(raised).startswith(f"column duns of s.parquet holds {values.type}")


@pytest.mark.parametrize("rows", [[0, 1], ["0", "1"]])
def test_rows_that_are_numbered_already_stay(tmp_path, rows):
    pq.write_table(pa.table({"row": rows, "name": ["a", "b"]}), tmp_path / "s.parquet")
    assert stored_source(str(tmp_path / "s.parquet"), ("name",), tmp_path / "work").num_rows == 2


@pytest.mark.parametrize("rows", [[1, 2], [0, 0], ["a", "b"], [None, 1]])
def test_rows_that_are_numbered_otherwise_are_refused(tmp_path, rows):
    pq.write_table(pa.table({"row": rows, "name": ["a", "b"]}), tmp_path / "s.parquet")
    with pytest.raises(ConfigurationError) as raised:
        stored_source(str(tmp_path / "s.parquet"), ("name",), tmp_path / "work")
    assert "does not count the rows from 0; rename it" in refusal(raised)


def test_a_csv_file_is_converted_once_block_by_block_and_reads_as_text(tmp_path):
    lines = [f"Acme {row},{row:09d}" for row in range(200_000)]
    (tmp_path / "s.csv").write_text("\n".join(["name,duns", *lines]) + "\n")
    stored = stored_source(str(tmp_path / "s.csv"), ("name", "duns"), tmp_path / "work")
    assert stored.num_rows == 200_000
    assert stored.read(122_879, 122_881, ["duns"]).column("duns").to_pylist() == ["000122879", "000122880"]
    before = stored.path.stat()
    assert stored_source(str(tmp_path / "s.csv"), ("name",), tmp_path / "work").path.stat() == before
    assert [path.name for path in (tmp_path / "work").iterdir()] == [stored.path.name]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("row,key\n0,a\n0,b\n1,c\n", "answers 1 rows more than once; leave one answer per row"),
        ("row,key\nx,a\n", "holds what is no row number .* number the rows of the source from 0"),
        ("line,key\n0,a\n", "has no column row; it has line, key"),
    ],
)
def test_a_truth_that_does_not_answer_rows_once_is_refused(tmp_path, text, sentence):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        read_truth(str(tmp_path / "t.csv"), "key")
    assert str(tmp_path / "t.csv") in refusal(raised)


def test_a_truth_is_row_numbers_and_keys_as_text(tmp_path):
    pq.write_table(pa.table({"cik": [320_193], "row": pa.array([4], pa.int32())}), tmp_path / "t.parquet")
    found = read_truth(str(tmp_path / "t.parquet"), "cik")
    assert found.schema.names == ["row", "key"]
    assert found.to_pylist() == [{"row": 4, "key": "320193"}]


def test_an_identifier_of_an_unknown_kind_is_refused_with_those_there_are():
    config = SourceConfig(source="s", registry="r", identifiers=({"column": "c", "kind": "lei"},))
    with pytest.raises(ConfigurationError, match="kind 'lei'; kinds are cusip, isin, uei, duns, cage"):
        identifiers_of(config)


def test_identifiers_are_tried_in_the_order_of_the_configuration():
    config = SourceConfig(
        source="s", registry="r", identifiers=({"column": "b", "kind": "isin"}, {"column": "a", "kind": "duns"})
    )
    assert [(found.column, found.registry_kind) for found in identifiers_of(config)] == [("b", "cusip"), ("a", "duns")]


def test_a_misspelt_option_of_a_source_is_refused():
    with pytest.raises(ValidationError, match="name_colum"):
        SourceConfig.model_validate({"source": "s", "registry": "r", "name_colum": "n"})


def test_a_registry_gives_one_entry_per_row_and_kind():
    registry = pa.table({"key": [7, 8], "duns": [150_483_782, None], "cage": ["81205", "98897"]})
    found = registry_identifiers(registry, "key", ("duns", "cage"))
    assert found.to_pylist() == [
        {"kind": "duns", "value": "150483782", "key": "7"},
        {"kind": "duns", "value": None, "key": "8"},
        {"kind": "cage", "value": "81205", "key": "7"},
        {"kind": "cage", "value": "98897", "key": "8"},
    ]
