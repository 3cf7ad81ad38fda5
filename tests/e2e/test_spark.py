"""Spark reads segments, where `pyspark` and Java are installed. It is no dependency: it weighs 400 MB."""

import re
import runpy
import shutil
from importlib.util import find_spec
from pathlib import Path

import pyarrow.compute as pc
import pytest

from ledger.store import delta, open_store
from ledger.store.protocol import EventQuery
from tests.recorded import attempt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("spark"),
    pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no java on the PATH"),
]

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()
READS_AS_IT_COMES = (4, 3)
"""The first version whose fast reader knows BYTE_STREAM_SPLIT."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    store = open_store(str(tmp_path_factory.mktemp("spark") / ".ledger"), create=True)
    for number in range(6):
        attempt(
            store, f"run-{number}", "companies", "success", minute=number * 20_000 + 1e-6 * number, value=0.1 * number
        )
        attempt(store, f"run-{number}", "profile", "failed", minute=number * 20_000, value=2.0 + number)
    store.compact(grace_s=0.0)
    delta.export(store.medium)
    return store


@pytest.fixture(scope="module")
def example(ledger, tmp_path_factory):
    """What the last example for Spark in docs/engines.md leaves behind."""
    text = PAGE.partition("### Spark")[2].partition("\n### ")[0]
    *_, code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    file = tmp_path_factory.mktemp("example") / "example.py"
    file.write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(ledger.uri).parent)
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--master local[1] --conf spark.ui.enabled=false pyspark-shell")
        left = runpy.run_path(str(file))
    yield left
    left["spark"].stop()


def test_the_example_of_the_page_gives_what_the_ledger_gives(ledger, example):
    rows = ledger.read(EventQuery(metrics=("duration_s",)))
    told = rows.group_by("asset").aggregate([("value", "mean")]).sort_by("asset").to_pylist()
    assert dict(map(tuple, example["answer"].collect())) == pytest.approx(
        {row["asset"]: row["value_mean"] for row in told}
    )


@pytest.mark.parametrize("vectorized", ["false", "true"])
def test_segments_have_the_events_of_the_ledger(ledger, example, vectorized):
    from pyspark.sql import functions  # noqa: PLC0415 - is there only where this test is not skipped

    spark = example["spark"]
    if vectorized == "true" and tuple(int(part) for part in spark.version.split(".")[:2]) < READS_AS_IT_COMES:
        pytest.skip(f"Spark {spark.version} reads segments with enableVectorizedReader=false only")
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
    table = spark.read.parquet(str(Path(ledger.uri) / "segments"))
    newest = functions.expr("unix_micros(max(ts))")
    ((count, total, last),) = table.agg(functions.count("*"), functions.sum("value"), newest).collect()
    rows = ledger.read()
    assert count == rows.num_rows
    assert total == pytest.approx(pc.sum(rows.column("value")).as_py())
    assert last == pc.max(rows.column("ts").cast("int64")).as_py()
    assert set(table.columns) == {*rows.column_names, "month"}
    assert table.select("stream", "seq").distinct().count() == count
