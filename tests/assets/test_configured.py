"""A source of one's own, linked by run configuration: what it gives, and that a wrong one stops before any output."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.definitions import defs
from ledger.errors import ConfigurationError

REGISTRY = "key,firm,cage,duns\n7,Acme Holdings,1AB2C,\n8,Apex,,001234567\n"
IDENTIFIERS = [{"column": "id", "kind": "cage"}, {"column": "number", "kind": "duns"}]


@pytest.fixture
def link(tmp_path, monkeypatch):
    """Run ``enrich_source`` on tables or CSV text and return the links and the quality report."""
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(tmp_path / "ledger"))
    monkeypatch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(tmp_path / "output"))

    def stored(name, content) -> str:
        if isinstance(content, str):
            path = tmp_path / f"{name}.csv"
            path.write_text(content)
        else:
            path = tmp_path / f"{name}.parquet"
            pq.write_table(content, path)
        return str(path)

    def run(source, registry=REGISTRY, truth=None, identifiers=IDENTIFIERS):
        config = {
            "source": stored("source", source),
            "registry": stored("registry", registry),
            "name_column": "firm",
            "identifiers": identifiers,
        } | ({} if truth is None else {"truth": stored("truth", truth)})
        result = defs.resolve_job_def("enrich_source").execute_in_process(
            run_config={"ops": {"enriched_source": {"config": config}}}
        )
        assert result.success
        report = json.loads((tmp_path / "output" / "quality" / "enriched_source.json").read_text())
        return pq.read_table(tmp_path / "output" / "stages" / "enriched_source.parquet"), report

    return run


def test_rows_are_linked_in_the_order_of_the_identifiers_and_scored(link):
    found, report = link(
        "firm,id,number\nNobody,1ab2c,1234567\nNobody,,1234567\nAPEX Inc,,\nNobody,,\n",
        truth="row,key\n0,7\n1,7\n3,8\n",
    )
    assert found.column("key").to_pylist() == ["7", "8", "8", None]
    assert found.column("method").to_pylist() == ["cage", "duns", "name_exact", "unmatched"]
    assert (report["match_rate"], report["precision"], report["labelled_rows"]) == (0.75, 0.5, 3)


def test_numbers_in_parquet_are_identifiers_too(link):
    source = pa.table({"firm": ["Nobody"], "id": pa.nulls(1), "number": [1_234_567]})
    registry = pa.table({"key": [8], "firm": ["Apex"], "cage": pa.nulls(1), "duns": [1_234_567]})
    found, report = link(source, registry)
    assert found.column("key").to_pylist() == ["8"]
    assert (report["precision"], report["recall"]) == (None, None)


def test_rows_that_the_source_numbers_itself_stay_in_order(link):
    found, _ = link("row,firm,id,number\n" + "".join(f"{row},Apex,,\n" for row in range(12)))
    assert found.column("row").to_pylist() == list(range(12))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": "row,firm,id,number\n5,A,,\n5,A,,\n"}, "column row of .* does not count the rows from 0"),
        ({"source": "firm,id\nA,\n"}, "source.csv has no column number; it has firm, id"),
        ({"registry": "key,firm,cage\n7,Acme,1AB2C\n"}, "registry.csv has no column duns; it has key, firm, cage"),
        ({"registry": pa.table({"key": [1.5], "firm": ["A"], "cage": ["x"], "duns": ["x"]})}, "column key .* double"),
        ({"truth": "row,key\n0,7\n0,8\n"}, "answers 1 rows more than once"),
        ({"identifiers": [{"column": "id", "kind": "lei"}]}, "kind 'lei'; kinds are cusip"),
    ],
    ids=["rows", "source column", "registry column", "type", "truth", "kind"],
)
def test_a_wrong_configuration_is_told_and_gives_no_output(link, tmp_path, changes, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        link(**({"source": "firm,id,number\nA,,\n"} | changes))
    made = [path.relative_to(tmp_path / "output") for path in (tmp_path / "output").rglob("*.*")]
    assert [path for path in made if path.parts[0] != ".work"] == []
