"""What the documents say is so: their commands exist, their links lead somewhere, their code runs as it stands."""

import json
import re
import runpy
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from pydantic import BaseModel

from ledger.metrics import Metric
from ledger.settings import Settings, parse_yaml, resolve
from ledger_cli.main import cli
from tests.cli.conftest import program

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "assets" / "data" / "LICENSES.md"])
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(path: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(path.read_text(encoding="utf-8")) if name == language]


def shown_commands() -> list[str]:
    """Return every call of the program in a shell block of a document."""
    lines = [line for path in DOCUMENTS for block in blocks(path, "sh") for line in block.splitlines()]
    return sorted({line.partition("#")[0].strip() for line in lines if line.startswith("dagster-ledger")})


@pytest.mark.parametrize("line", shown_commands())
def test_every_command_that_is_shown_can_be_parsed(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command, words = cli, shlex.split(line.partition(" > ")[0])[1:]
    for word in words:
        if word.endswith((".txt", ".json")):
            (tmp_path / word).write_text("a file the reader has")
    context = click.Context(cli, info_name="dagster-ledger")
    while isinstance(command, click.Group):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, name
    command.make_context(command.name, words)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_that_is_there(path):
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert missing == []


def test_every_make_target_that_is_named_exists():
    rules = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"`make ([\w-]+)`|^make ([\w-]+)", path.read_text(), re.MULTILINE)
    }
    assert {name for pair in named for name in pair if name} <= rules


def test_make_run_makes_the_main_job_and_tells_the_story():
    done = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = [line for line in done.stdout.splitlines() if line.startswith(".venv/bin/")]
    assert ".venv/bin/dagster-ledger run --job enrich_companies --executor in_process" in commands
    assert commands[-1] == ".venv/bin/python -m tests.demonstrations.story"


def test_the_readme_names_both_commands_and_the_continuous_check_calls_them():
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
def test_the_pipeline_of_the_tutorial_runs_as_it_stands_there(tmp_path, monkeypatch):
    code, *_ = blocks(ROOT / "docs" / "tutorial.md", "python")
    (tmp_path / "pipeline.py").write_text(code)
    (tmp_path / "pyproject.toml").write_text(blocks(ROOT / "docs" / "tutorial.md", "toml")[0])
    monkeypatch.chdir(tmp_path)
    done = program("run", "--job", "sales", "--executor", "in_process", "--format", "json")
    assert done.returncode == 0, done.stderr
    story = json.loads(done.stdout)
    rows = {row["asset"]: row for row in story["assets"]}
    assert rows["orders"]["match_rate"] == 0.75
    assert (rows["orders"]["rows_out"], rows["amounts"]["rows_in"], rows["amounts"]["rows_out"]) == (
        100_000,
        100_000,
        4,
    )
    assert [(check["check"], check["status"]) for check in story["checks"]] == [("has_country", "passed")]
    assert story["breakdowns"][0]["counts"]["de"] == 25_000


def test_the_metric_of_the_tutorial_can_be_declared_both_ways(tmp_path):
    (text,) = blocks(ROOT / "docs" / "tutorial.md", "yaml")
    (declared,) = resolve([parse_yaml(text, "base.yaml")]).settings.declared_metrics()
    (tmp_path / "declared.py").write_text(blocks(ROOT / "docs" / "tutorial.md", "python")[1])
    in_code = runpy.run_path(str(tmp_path / "declared.py"))["null_rate"]
    assert isinstance(in_code, Metric)
    assert in_code == declared
    assert yaml.safe_load(text)["metrics"].keys() == {"null_rate"}


def documented(model, above=""):
    """Yield path, default and description of every setting that holds a value of its own."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from documented(type(default), f"{above}{name}.")
        else:
            yield f"{above}{name}", default, field.description


def test_every_setting_is_documented_with_its_default():
    text = (ROOT / "docs" / "configuration.md").read_text()
    for name, default, description in documented(Settings):
        assert f"| `{name}` | `{json.dumps(default)}` | {description} |" in text


@pytest.mark.slow
def test_the_gates_of_the_guide_run_as_they_stand_there(tmp_path, monkeypatch):
    (code,) = blocks(ROOT / "docs" / "quality-gates.md", "python")
    (tmp_path / "guide.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    done = program("run", "-m", "guide", "--executor", "in_process", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert {check["status"] for check in json.loads(done.stdout)["checks"]} == {"passed"}
    refused = program("run", "-m", "guide", "--executor", "in_process", "--set", "match_rate_threshold=0.95", "-q")
    assert refused.returncode == 1
    assert "published" in refused.stdout.partition("not made")[2]


def test_the_regression_check_of_the_guide_can_be_loaded(tmp_path):
    (code,) = blocks(ROOT / "docs" / "regression-gate.md", "python")
    (tmp_path / "guide.py").write_text(code)
    defs = runpy.run_path(str(tmp_path / "guide.py"))["defs"]
    (checks,) = defs.asset_checks
    (spec,) = checks.check_specs
    assert (spec.name, spec.blocking) == ("no_regression", True)


def test_the_limits_of_the_guide_are_valid():
    (text,) = blocks(ROOT / "docs" / "quality-gates.md", "yaml")
    settings = resolve([parse_yaml(text, "base.yaml")]).settings
    assert settings.limits_of("enriched")["records_per_s"].min == 1000.0
