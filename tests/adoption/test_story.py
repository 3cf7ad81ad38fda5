"""The page on adopting is run as it stands, in projects that are not ours; they are left as they were."""

import json
import re
import subprocess

import pytest

from tests.adoption.pages import blocks

MAY_JUDGE = {"dagster-ledger gate": (0, 1, 3)}
"""Commands that give a verdict on how busy the machine is."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_on_adopting_is_true(create_dagster, fresh, tmp_path):
    subprocess.run(
        [create_dagster, "project", "shop", "--no-uv-sync"],
        cwd=tmp_path, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    shell = fresh(tmp_path / "shop")
    original = (shell.place / "src" / "shop" / "definitions.py").read_text()
    told: dict[str, str] = {}
    before = ""
    for kind, text in blocks("adopting.md"):
        if kind == "python":
            path = shell.place / text.partition("\n")[0].removeprefix("# ")
            path.write_text(text.partition("\n")[2])
            if path.name == "assets.py":
                before = committed(shell)
            continue
        for line in text.splitlines():
            if line == "dagster-ledger init --remove":
                (shell.place / "src" / "shop" / "definitions.py").write_text(original)
            done = shell.run(line, code=None if line in MAY_JUDGE else 0)
            assert done.returncode in MAY_JUDGE.get(line, (0,)), done.stderr
            told[line] = done.stdout
    assert "added   config/base.yaml" in told["dagster-ledger init --ci github"]
    assert told["dagster-ledger import dagster"].startswith("1 run imported, with 2 attempts")
    assert "all imported, not measured" in told["dagster-ledger show"]
    assert re.search(r"orders .*success .* 200,000 ", told["dagster-ledger show latest"])
    assert "PASS" in told["dagster-ledger gate"] or "INCONCLUSIVE" in told["dagster-ledger gate"]
    left = [line.split()[1] for line in told["dagster-ledger init --remove"].splitlines() if line.startswith("LEFT")]
    assert left == ["baselines", ".ledger"]
    shell.run("rm -r baselines .ledger")
    assert shell.git("diff", "--stat", before) == ""
    assert shell.git("ls-files", "--others", "--exclude-standard") == ""
    shell.run("""python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ledger") is not None)'""")
    shell.run("dagster asset materialize --select '*' -m shop.definitions -d src")


def committed(shell):
    """Commit the project as it is, and return the commit."""
    shell.git("init", "-q", "-b", "main")
    shell.git("add", "-A")
    shell.git("commit", "-q", "-m", "a project that runs")
    return shell.git("rev-parse", "HEAD").strip()


SHAPES = """
import sys

import dagster as dg

days = dg.StaticPartitionsDefinition(["mon", "tue"])


@dg.asset(partitions_def=days)
def daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": len(context.partition_key)})


@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right", deps=["left"])])
def several():
    yield dg.MaterializeResult("left", metadata={"dagster/row_count": 1})
    yield dg.MaterializeResult("right", metadata={"dagster/row_count": 2})


@dg.asset
def piped(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):
    return pipes.run(command=[sys.executable, "external.py"], context=context).get_results()


@dg.asset_check(asset=piped)
def piped_is_there():
    return dg.AssetCheckResult(passed=True)


defs = dg.Definitions(
    assets=[daily, several, piped],
    asset_checks=[piped_is_there],
    jobs=[
        dg.define_asset_job("by_day", selection=["daily"]),
        dg.define_asset_job("whole", selection=["left", "right", "piped"]),
    ],
    resources={"pipes": dg.PipesSubprocessClient()},
)
"""
EXTERNAL = """
import time

from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as pipes:
    ballast = bytearray(b"x") * 80_000_000
    until = time.monotonic() + 2.0  # What a child takes is sampled, ten times a second at best.
    while time.monotonic() < until:
        ballast[0] ^= 1
    pipes.report_asset_materialization(metadata={"dagster/row_count": {"raw_value": 321, "type": "int"}})
"""
ONE_LINE = "\nfrom ledger.dagster import track_definitions\n\ndefs = track_definitions(defs)\n"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_partitions_multi_assets_and_pipes_are_tracked_by_one_line(fresh, tmp_path, executor):
    place = tmp_path / "pipeline"
    place.mkdir()
    (place / "pipeline.py").write_text(SHAPES)
    (place / "external.py").write_text(EXTERNAL)
    (place / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "pipeline"\n')
    shell = fresh(place)
    before = committed(shell)
    shell.run("pip install -q dagster-ledger && dagster-ledger init")
    (place / "pipeline.py").write_text(SHAPES + ONE_LINE)
    shell.run(f"dagster-ledger run -q --job by_day --partition tue --executor {executor}")
    shell.run(f"dagster-ledger run -q --job whole --executor {executor}")
    listed = json.loads(shell.run("dagster-ledger show --format json").stdout)
    stories = [json.loads(shell.run(f"dagster-ledger show {run['run_id']} --format json").stdout) for run in listed]
    rows = {(row["asset"], row["partition"]): row for story in stories for row in story["assets"]}
    counted = {key: row["rows_out"] for key, row in rows.items() if row["rows_out"] is not None}
    assert counted == {("daily", "tue"): 3.0, ("left", None): 1.0, ("right", None): 2.0, ("piped", None): 321.0}
    assert rows["op:several", None]["status"] == "success"
    children = json.loads(shell.run("dagster-ledger samples --metric children_peak_rss_bytes --format json").stdout)
    assert max(sample["value"] for sample in children if sample["asset"] == "piped") > 80_000_000
    shell.run("dagster-ledger gate --job whole", code=3)
    (place / "pipeline.py").write_text(SHAPES)
    shell.run("dagster-ledger init --remove && pip uninstall -q -y dagster-ledger && rm -r .ledger")
    assert shell.git("diff", "--stat", before) == ""
    assert shell.git("status", "--porcelain", "--ignored") == ""
