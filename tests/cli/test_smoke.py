"""``smoke``: the project's own cases hold, and a case that does not hold is said, recorded, and ends with 1."""

import json
from pathlib import Path

import pytest

from ledger.events import SmokeTested
from ledger.events.codec import from_table
from ledger.store import open_store
from tests.cli.conftest import program

ROOT = Path(__file__).parents[2]
CASES = ("known_good", "edge_cases", "bad_match_rate", "empty", "federal_identifiers")


def recorded(place) -> list[SmokeTested]:
    return [entry.event for entry in from_table(open_store(str(place)).read()) if isinstance(entry.event, SmokeTested)]


@pytest.mark.timeout(200)
def test_every_case_of_this_project_holds_and_is_recorded_for_the_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = program("smoke", "--ledger", str(tmp_path / "ledger"), "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = {case["case"]: case for case in json.loads(done.stdout)}
    assert tuple(said) == CASES
    assert all(finding["holds"] for case in said.values() for finding in case["findings"])
    assert "equals edge_cases/expected.csv" in str(said["edge_cases"])
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
CASE = """
half:
  description: Half of it.
  expect:
    assets: [counted{more}]
    metrics: {{counted: {{match_rate: [{{min: {least}}}]}}}}
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


def test_a_case_of_another_project_is_run_and_what_does_not_hold_is_said(project):
    write(project, CASE.format(more="", least=0.4))
    good = program("smoke")
    assert (good.returncode, good.stdout) == (0, "passed  half: Half of it.\n"), good.stderr
    write(project, CASE.format(more=", other", least=0.6))
    bad = program("smoke", "half")
    assert bad.returncode == 1
    assert "FAILED  half: Half of it." in bad.stdout
    assert "DOES NOT HOLD: made: counted, other (seen: counted)" in bad.stdout
    assert "DOES NOT HOLD: match_rate of counted is at least 0.6 (seen: 0.5)" in bad.stdout
    events = recorded(project / ".ledger")
    assert [event.status for event in events] == ["passed", "failed"]
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


def test_a_run_that_cannot_begin_does_not_hold(project):
    write(project, "a: {description: d, job: nowhere, expect: {}}")
    done = program("smoke")
    assert done.returncode == 1
    assert "DOES NOT HOLD: the run begins" in done.stdout
    assert "there is no job 'nowhere'" in done.stdout
