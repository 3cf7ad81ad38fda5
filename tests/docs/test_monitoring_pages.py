"""docs/monitoring.md and docs/runbook.md say what the code has, and what they configure is valid."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from ledger.report.monitoring.rules import ALERTS
from ledger_cli.main import cli
from tests.cli.conftest import program
from tests.docs.metrics import PAGE, page
from tests.monitoring.programs import checked, needed

RUNBOOK = PAGE.with_name("runbook.md")
CONFIGURED = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_table_of_metrics_is_that_of_the_code():
    text = PAGE.read_text()
    assert page(text) == text, "python -m tests.docs.metrics writes it anew"


def test_the_runbook_has_a_section_for_each_alert_and_no_other():
    assert re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("path", [PAGE, RUNBOOK], ids=lambda path: path.name)
def test_every_command_that_is_named_in_a_sentence_exists(path):
    named = re.findall(r"`dagster-ledger ([^`]+)`", path.read_text())
    assert len(named) >= 3
    for words in named:
        command, rest = cli, shlex.split(words)
        context = click.Context(cli)
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            command = command.get_command(context, rest.pop(0))
            assert command is not None, words
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= known, words


@pytest.mark.slow
@pytest.mark.parametrize("text", CONFIGURED, ids=lambda text: yaml.safe_load(text)["scrape_configs"][0]["job_name"])
def test_prometheus_takes_what_the_page_configures(text, tmp_path, monkeypatch):
    needed("promtool")
    monkeypatch.chdir(tmp_path)
    done = program("alerts", "generate", "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "prometheus.yml").write_text(text)
    assert "SUCCESS" in checked("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_every_file_that_the_page_lists_is_generated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert program("alerts", "generate", "-o", "made").returncode == 0
    listed = re.findall(r"^\| `(dagster-ledger\.[\w.]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(one.name for one in Path("made").iterdir())
