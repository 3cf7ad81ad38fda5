"""``smoke``: the project's own cases hold, and a case that does not hold is said, recorded, and ends with 1."""

import json
from pathlib import Path

import pytest

from ledger.dagster.launch import Launch, execute
from ledger.events import SmokeTested
from ledger.events.codec import from_table
from ledger.git import code_state
from ledger.service.project.smoke import CASES_FILE, judge, load_cases, run_config_of
from ledger.service.reading.replay import replay_run
from ledger.service.recording.overrides import override_tags
from ledger.settings import Placed
from ledger.store import open_store
from tests.cli.conftest import program

ROOT = Path(__file__).parents[2]
CASES = ("known_good", "edge_cases", "bad_match_rate", "empty", "federal_identifiers")


def recorded(place) -> list[SmokeTested]:
    return [entry.event for entry in from_table(open_store(str(place)).read()) if isinstance(entry.event, SmokeTested)]


@pytest.mark.parametrize("name", CASES)
def test_every_case_of_this_project_holds(tmp_path, monkeypatch, name):
    """Without the command and its processes, which the tests below start."""
    file = ROOT / CASES_FILE
    case = load_cases(file)[name]
    monkeypatch.chdir(ROOT)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    output, uri = tmp_path / "output", str(tmp_path / "ledger")
    values = {**case.settings, "output_dir": str(output), "ledger_uri": uri}
    if "input_dir" in values:
        values["input_dir"] = str(file.parent / values["input_dir"])
    flags = {path: Placed(value, "test") for path, value in values.items()}
    config = run_config_of(case, file.parent)
    ended = execute(
        Launch(
            module="assets.definitions",
            job=case.job,
            executor="in_process",
            run_config=config,
            tags=override_tags(flags, None),
        )
    )
    findings = judge(case, replay_run(open_store(uri), ended.run_id), output, file.parent)
    assert [finding for finding in findings if not finding.holds] == []
    assert len(findings) > len(case.expect.tables)


def test_the_cases_of_this_project_are_the_documented_ones():
    assert tuple(load_cases(ROOT / CASES_FILE)) == CASES


@pytest.mark.slow
def test_a_case_of_this_project_is_run_and_recorded_for_the_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = program("smoke", "edge_cases", "--ledger", str(tmp_path / "ledger"), "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = json.loads(done.stdout)
    assert said["case"] == "edge_cases"
    assert all(finding["holds"] for finding in said["findings"])
    assert "equals edge_cases/expected.csv" in str(said["findings"])
    (event,) = recorded(tmp_path / "ledger")
    assert (event.case, event.status) == ("edge_cases", "passed")
    assert event.code_version == code_state(ROOT).commit
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_all_cases_of_this_project_are_run_and_recorded_for_the_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = program("smoke", "--ledger", str(tmp_path / "ledger"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [f"passed  {name}" for name in CASES]
    events = recorded(tmp_path / "ledger")
    assert [(event.case, event.status) for event in events] == [(name, "passed") for name in CASES]
    assert len({event.code_version for event in events}) == 1
    assert not (tmp_path / "output").exists()


LOCATION = """
import dagster as dg

from ledger.dagster import current_span, tracked


@dg.asset
@tracked
def counted():
    current_span().measure("match_rate", 0.5)


defs = dg.Definitions(assets=[counted])
"""
CASES_OF_ANOTHER = """
half:
  description: Half of it.
  expect:
    assets: [counted]
    metrics: {counted: {match_rate: [{min: 0.4}]}}
most:
  description: Most of it.
  expect:
    assets: [counted, other]
    metrics: {counted: {match_rate: [{min: 0.6}]}}
never:
  description: No run.
  job: nowhere
  expect: {}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Somebody else's project, with a case file of its own."""
    (tmp_path / "place.py").write_text(LOCATION)
    (tmp_path / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "place"\n')
    (tmp_path / "config" / "smoke").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project, text):
    (project / "config" / "smoke" / "cases.yaml").write_text(text)


def test_what_does_not_hold_in_another_project_is_said_and_a_run_that_cannot_begin_does_not_hold(project, command):
    write(project, CASES_OF_ANOTHER)
    said = command("smoke", ledger=None)
    assert said.code == 1
    half, most, *failures = said.out.splitlines()
    assert (half, most) == ("passed  half: Half of it.", "FAILED  most: Most of it.")
    assert failures[0].strip() == "DOES NOT HOLD: made: counted, other (seen: counted)"
    assert failures[1].strip() == "DOES NOT HOLD: match_rate of counted is at least 0.6 (seen: 0.5)"
    assert failures[2] == "FAILED  never: No run."
    assert "DOES NOT HOLD: the run begins" in failures[3]
    assert "there is no job 'nowhere'" in failures[3]
    events = recorded(project / ".ledger")
    assert [event.status for event in events] == ["passed", "failed", "failed"]
    assert events[1].failures == (
        "made: counted, other: counted",
        "match_rate of counted is at least 0.6: 0.5",
    )


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        (None, (), "there are no smoke cases at"),
        ("[", (), "cannot be read as YAML"),
        ("- 1", (), "must be a mapping of case names to cases"),
        ("a: {description: d}", (), "a.expect: Field required"),
        ("a: {description: d, expect: {statuss: x}}", (), "a.expect.statuss: Extra inputs are not permitted"),
        ("a: {description: d, expect: {}}", ("b",), "there is no smoke case 'b'"),
    ],
)
def test_a_wrong_case_file_is_refused_with_code_2(project, command, text, words, sentence):
    if text is not None:
        write(project, text)
    said = command("smoke", *words)
    assert said.code == 2
    assert sentence in said.err
