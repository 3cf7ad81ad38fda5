"""Smoke expectations, held against tables that are right and wrong."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.service.project.smoke import Expected, SmokeCase, TableExpected, judge, run_config_of
from ledger.service.reading.replay import RunStory

STORY = RunStory(
    run=pa.table({"status": ["success"]}),
    assets=pa.table({"asset": ["a", "b"], "status": ["success", "failed"], "match_rate": [0.5, None]}),
    checks=pa.table({"asset": ["a"], "check": ["c"], "status": ["failed"]}),
    alerts=pa.table({}),
    blocked=pa.table({"asset": ["z"]}),
    breakdowns=(),
    endings=(),
    configuration=None,
    environment=None,
    started=None,
)


@pytest.mark.parametrize(
    ("rows", "holds"),
    [([1, 2], True), ([2, 1], True), ([1, 2, 3], False), ([1], False), ([1, None], False)],
)
def test_a_table_is_equal_or_it_is_not(tmp_path, rows, holds):
    pq.write_table(pa.table({"id": pa.array(rows, pa.int64()), "more": ["x"] * len(rows)}), tmp_path / "t.parquet")
    (tmp_path / "expected.csv").write_text("id\n1\n2\n")
    table = TableExpected(file="t.parquet", equals="expected.csv", key="id")
    case = SmokeCase(
        description="d", expect=Expected(failed_checks=["a/c"], blocked=["z"], assets=["a"], tables=[table])
    )
    findings = judge(case, STORY, tmp_path, tmp_path)
    assert [finding.holds for finding in findings] == [True, True, True, True, holds]


def test_a_missing_table_does_not_hold(tmp_path):
    table = TableExpected(file="t.parquet", equals="expected.csv", key="id")
    findings = judge(SmokeCase(description="d", expect=Expected(tables=[table])), STORY, tmp_path, tmp_path)
    assert not findings[-1].holds


def test_paths_of_fixtures_are_put_into_the_run_configuration(tmp_path):
    case = SmokeCase(description="d", run_config={"a": ["{fixtures}/x", 1]}, expect=Expected())
    assert run_config_of(case, tmp_path) == {"a": [f"{tmp_path}/x", 1]}
