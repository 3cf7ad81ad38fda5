"""``config show`` and what overrides of each level do: to the answer, to a run, and to what the ledger says of it."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import program

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project with a base file and one for production, as the working directory."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "base.yaml").write_text("chunk_size: 10\nlimits:\n  a: {duration_s: {max: 1.0}}\n")
    (tmp_path / "config" / "prod.yaml").write_text("chunk_size: 20\nlimits:\n  b: {duration_s: {max: 2.0}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def held(command, *words: str) -> dict[str, tuple[object, str]]:
    """Return what `config show` says: setting to value and source."""
    said = command("config", "show", "--format", "json", *words, ledger=None)
    assert said.code == 0, said.err
    return {row["setting"]: (row["value"], row["source"]) for row in said.json}


def test_each_level_is_stronger_than_the_one_below(project, command, monkeypatch):
    (project / "config" / "base.yaml").write_text("")
    assert held(command)["chunk_size"] == (25_000, "default")
    (project / "config" / "base.yaml").write_text("chunk_size: 10\n")
    assert held(command)["chunk_size"] == (10, "config/base.yaml:1:1")
    assert held(command, "--env", "prod")["chunk_size"] == (20, "config/prod.yaml:1:1")
    monkeypatch.setenv("DAGSTER_LEDGER_ENV", "prod")
    assert held(command)["chunk_size"] == (20, "config/prod.yaml:1:1")
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "30")
    assert held(command)["chunk_size"] == (30, "$DAGSTER_LEDGER_CHUNK_SIZE")
    assert held(command, "--set", "chunk_size=40")["chunk_size"] == (40, "--set")


def test_mappings_are_merged_entry_by_entry_and_each_entry_has_its_source(project, command, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_LIMITS", "{c: {cpu_s: {max: 3}}}")
    found = held(command, "--env", "prod", "--set", "limits.a.duration_s.max=5")
    assert {path: entry for path, entry in found.items() if path.startswith("limits")} == {
        "limits.a.duration_s.max": (5.0, "--set"),
        "limits.b.duration_s.max": (2.0, "config/prod.yaml:3:20"),
        "limits.c.cpu_s.max": (3.0, "$DAGSTER_LEDGER_LIMITS"),
    }


def test_only_what_was_overridden_is_shown_on_request(project, command):
    (project / "config" / "base.yaml").write_text("")
    assert held(command, "--overridden", "--set", "heartbeat_s=5") == {"heartbeat_s": (5.0, "--set")}


def test_a_secret_is_never_shown_and_not_taken_from_a_command_line(project, command, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS", "[http://localhost/hush]")
    assert held(command)["notify_webhook_urls"] == ("(secret)", "$DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS")
    refused = command("config", "show", "--set", "notify_webhook_urls=[http://localhost/hush]", ledger=None)
    assert refused.code == 2
    assert "set DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS instead" in refused.err
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS", "http://localhost/hush")
    wrong = command("config", "show", ledger=None)
    assert wrong.code == 2
    assert "hush" not in wrong.err


def test_all_mistakes_are_told_at_once_with_their_places(project, command, monkeypatch):
    (project / "config" / "base.yaml").write_text(
        "chunk_sise: 1\nheartbeat_s: soon\nlimits:\n  a: {durations: {max: 1}}\n"
    )
    monkeypatch.setenv("DAGSTER_LEDGER_MATCHRATE_THRESHOLD", "0.5")
    said = command(
        "config", "show", "--set", "timeout_seconds=-1", "--set", "limits.x.cpu_s={max: 1, min: 0}", ledger=None
    )
    assert said.code == 2
    for part in (
        "config/base.yaml:1:1: there is no setting 'chunk_sise'; did you mean 'chunk_size'?",
        "config/base.yaml:2:1: heartbeat_s is 'soon', but",
        "config/base.yaml:4:19: there is no metric 'durations'; did you mean 'duration_s'?",
        "$DAGSTER_LEDGER_MATCHRATE_THRESHOLD: there is no setting 'matchrate_threshold'; did you mean 'match_rate_thr",
        "--set: timeout_seconds is -1, but input should be greater than 0",
        "--set: limits.x.cpu_s is {'max': 1, 'min': 0}, but give max or min, one of the two",
    ):
        assert part in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--env", "prodd"), "there is no environment 'prodd' beside config/base.yaml; did you mean 'prod'?"),
        (("--set", "chunk_size"), "give it as key=value"),
        (("--set", "alert_critical_breach=0.01"), "alert_critical_breach must not be below alert_error_breach"),
    ],
)
def test_a_wrong_word_is_refused_with_code_2(project, command, words, sentence):
    said = command("config", "show", *words, ledger=None)
    assert said.code == 2
    assert sentence in said.err


@pytest.mark.parametrize("env", ["dev", "test", "prod"])
def test_the_environments_of_this_project_hold_together(command, env, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = held(command, "--env", env)
    assert found["match_rate_threshold"][0] == {"dev": 0.6, "test": 0.6, "prod": 0.8}[env]
    assert found["match_rate_threshold"][1].startswith(f"config/{env}.yaml:")


LOCATION = """
import dagster as dg
from ledger.dagster import current_settings, current_span, tracked


@dg.asset
@tracked
def counts():
    settings = current_settings()
    current_span().measure("rows_in", float(settings.chunk_size))
    return dg.MaterializeResult(metadata={"chunk_size": settings.chunk_size, "timeout": settings.timeout_seconds})


defs = dg.Definitions(assets=[counts])
"""


@pytest.mark.slow
def test_a_run_obeys_its_overrides_logs_them_tags_them_and_records_where_they_came_from(project, command):
    (project / "place.py").write_text(LOCATION)
    done = program(
        "run", "-m", "place", "--env", "prod", "--set", "timeout_seconds=77", "--format", "json", "-v",
        DAGSTER_LEDGER_HEARTBEAT_S="9", DAGSTER_LEDGER_NOTIFY_COMMANDS="[hush]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    story = json.loads(done.stdout)
    assert story["assets"][0]["rows_in"] == 20.0
    configuration = story["configuration"]
    assert configuration["values"]["timeout_seconds"] == 77.0
    assert configuration["values"]["notify_commands"] == "(secret)"
    assert configuration["sources"]["chunk_size"] == "config/prod.yaml:1:1"
    assert configuration["sources"]["timeout_seconds"] == "--set"
    assert configuration["sources"]["heartbeat_s"] == "$DAGSTER_LEDGER_HEARTBEAT_S"
    assert "configuration override: timeout_seconds = 77.0 from --set" in done.stderr
    assert "hush" not in done.stderr + done.stdout
    shown = command("show", "latest", ledger=None).out
    assert "override timeout_seconds = 77.0 (--set)" in shown
    assert "override heartbeat_s = 9.0 ($DAGSTER_LEDGER_HEARTBEAT_S)" in shown
    started = command("events", "--kind", "run_started", "--format", "json", ledger=None)
    tags = started.json["fields"]["tags"]
    assert tags["dagster_ledger/env"] == "prod"
    assert json.loads(tags["dagster_ledger/overrides"]) == {"timeout_seconds": {"value": 77, "source": "--set"}}
