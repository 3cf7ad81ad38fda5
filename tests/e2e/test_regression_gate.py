"""From a pipeline that got slower to a confirmed regression, as people and CI do it: every run a process of its own."""

import json
from textwrap import dedent

import pytest

from tests.cli.conftest import program

PIPELINE = """
    import time
    from pathlib import Path

    import dagster as dg

    from ledger.dagster import current_span, tracked


    class Size(dg.Config):
        rows: int = 1


    @dg.asset
    @tracked
    def source(config: Size) -> int:
        current_span().rows(rows_out=config.rows)
        return 1


    @dg.asset
    @tracked
    def slow(source: int) -> int:
        current_span().rows(rows_in=100, rows_out=100)
        time.sleep(float(Path("seconds.txt").read_text()))
        return 2


    @dg.asset
    @tracked
    def steady(config: Size) -> int:
        time.sleep(0.3)
        return 3


    defs = dg.Definitions(
        assets=[source, slow, steady], jobs=[dg.define_asset_job("tiny", selection=["source", "slow", "steady"])]
    )
"""
RUN = (
    "run",
    "-m",
    "pipeline",
    "-j",
    "tiny",
    "--executor",
    "in_process",
    "-q",
    "--format",
    "json",
    "--run-config",
    "size.yaml",
)


@pytest.mark.slow
def test_a_pipeline_that_got_slower_is_told_and_confirmed(tmp_path, monkeypatch):
    (tmp_path / "pipeline.py").write_text(dedent(PIPELINE))
    (tmp_path / "seconds.txt").write_text("0.4")
    (tmp_path / "size.yaml").write_text("ops: {source: {config: {rows: 100}}, steady: {config: {rows: 7}}}\n")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "base.yaml").write_text("regression: {limits: {time: 0.3}}\n")
    monkeypatch.chdir(tmp_path)
    assert program(*RUN, "--runs", "6").returncode == 0
    proposed = program(
        "baseline", "propose", "--metric", "duration_s", "--reason", "first", "--write", "--format", "json"
    )
    assert proposed.returncode == 0, proposed.stderr
    assert len(json.loads(proposed.stdout)["written"]) == 3
    (tmp_path / "seconds.txt").write_text("4.0")  # Ten times as long stands out on a busy machine too.
    assert program(*RUN, "--runs", "3").returncode == 0
    judged = program("gate", "--last", "3", "--format", "json")
    assert judged.returncode == 1, judged.stdout
    worst = json.loads(judged.stdout)["findings"][0]
    assert (worst["asset"], worst["metric"], worst["state"]) == ("slow", "duration_s", "regressed")
    confirmed = program("confirm", "-m", "pipeline", "-n", "3", "-q", "--format", "json", "--report", "comment=c.md")
    assert confirmed.returncode == 1, confirmed.stderr
    found = json.loads(confirmed.stdout)
    assert [(one["asset"], one["metric"], one["state"]) for one in found["findings"]] == [
        ("slow", "duration_s", "regressed")
    ]
    comment = (tmp_path / "c.md").read_text()
    assert "1 metric got worse" in comment
    assert f"--candidate {found['candidate']['run_ids'][0][:8]}" in comment
    fresh = json.loads(program("show", found["candidate"]["run_ids"][-1], "--format", "json").stdout)
    assert {row["asset"]: row["rows_out"] for row in fresh["assets"]} == {"slow": 100, "source": 100}
    again = json.loads(program("gate", "--last", "3", "--format", "json").stdout)
    assert again["candidate"]["run_ids"] == json.loads(judged.stdout)["candidate"]["run_ids"]
