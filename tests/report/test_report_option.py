"""``--report`` of ``gate`` and ``confirm``: several formats at once, whole or not at all, and the verdict as it was."""

import json
import os
import stat
import subprocess
import threading
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from ledger.report.ci import FORMATS
from ledger.service.baselines.accepted import DIRECTORY
from ledger.store import open_store
from ledger_cli import reports
from ledger_cli.gate import gate
from tests.cli.conftest import command, place  # noqa: F401 - fixtures
from tests.judged import batches, story, write

AGAINST_RUNS = ("--baseline", "last:20")


@pytest.fixture
def slower(place):  # noqa: F811 - the fixture
    """A ledger in whose last five runs an asset takes longer."""
    store = open_store(str(place), create=True)
    for number, values in story(25, slower=1.4, since=20):
        write(store, batches(number, values))


@pytest.fixture
def said(command, slower):  # noqa: F811 - the fixture
    def ask(*words):
        return command("gate", *AGAINST_RUNS, *words)

    return ask


def test_the_names_are_those_of_the_registry():
    assert tuple(FORMATS) == reports._NAMES
    option = next(one for one in gate.params if one.name == "reports")
    assert all(name in option.help for name in FORMATS)


def test_every_format_is_written_at_once_and_the_verdict_stays(said, tmp_path):
    words = [word for name in FORMATS for word in ("--report", f"{name}=build/{name}.out")]
    told = said(*words)
    assert told.code == 1
    assert told.out.splitlines()[-1] == "FAIL: judged 10 of 10; 2 regressed"
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == sorted(f"{name}.out" for name in FORMATS)
    assert all(path.stat().st_size for path in (tmp_path / "build").iterdir())
    assert json.loads((tmp_path / "build" / "json.out").read_text())["outcome"] == "FAIL"
    assert said("--exit-zero", "--report", "junit=again.xml").code == 0


def test_a_report_on_standard_output_stands_there_alone(said):
    told = said("--report", "json=-", "--report", "junit=gate.xml")
    assert json.loads(told.out)["outcome"] == "FAIL"
    assert told.err.splitlines()[-1] == "FAIL: judged 10 of 10; 2 regressed"
    assert told.out == said("--format", "json").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--report", "junit"), "'junit' is no FORMAT=PATH"),
        (("--report", "junit="), "is no FORMAT=PATH"),
        (("--report", "xunit=a.xml"), "there is no format 'xunit'; the formats are markdown, comment, github, junit"),
        (("--report", "junit=a", "--report", "sarif=./a"), "junit and sarif would both be written to ./a"),
        (("--report", "junit=a", "--report", "junit=a"), "junit and junit would both be written to a"),
        (("--report", "junit=-", "--report", "sarif=-"), "would both be written to standard output"),
        (("--report", "junit=-", "--format", "json"), "would both be written to standard output"),
    ],
)
def test_wrong_words_are_wrong_usage_and_write_nothing(said, tmp_path, words, told):
    found = said(*words)
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("path", ["file/gate.xml", "directory", "n" * 300])
def test_a_path_that_cannot_be_written_is_one_sentence(said, tmp_path, path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "directory").mkdir()
    found = said("--report", f"junit={path}")
    assert found.code == 5
    assert found.err.startswith("dagster-ledger: cannot write the report")
    assert found.err.count("\n") == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["directory", "file", "ledger"]


def test_a_report_replaces_the_one_before_and_keeps_its_link(said, tmp_path):
    (tmp_path / "kept.xml").write_text("before")
    (tmp_path / "gate.xml").symlink_to("kept.xml")
    said("--report", "junit=gate.xml")
    assert (tmp_path / "gate.xml").is_symlink()
    assert (tmp_path / "kept.xml").read_text().startswith("<?xml")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_pipe_is_written_to_and_stays_a_pipe(said, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert said("--report", "metrics=pipe").code == 1
    reader.join(timeout=60)
    assert read[0].endswith("# EOF\n")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_commands_in_a_report_ask_about_the_same_runs_again(said, command):  # noqa: F811 - the fixture
    said("--last", "5", "--job", "job", "--report", "comment=comment.md")
    text = Path("comment.md").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.startswith("dagster-ledger explain loaded duration_s")]
    assert lines == [["dagster-ledger", "explain", "loaded", "duration_s", "--job", "job", "--baseline", "last:20",
                      "--last", "5"]]  # fmt: skip
    told = command(*lines[0][1:])
    assert told.code == 0
    assert "regressed" in told.out


def test_findings_stand_at_the_line_of_their_metric_in_the_file_of_their_machine(command, place, tmp_path):  # noqa: F811
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    store = open_store(str(place), create=True)
    for number, values in story(20):
        write(store, batches(number, values))
    assert command("baseline", "propose", "--reason", "first", "--write").code == 0
    for number, values in story(5, first=20, slower=1.4, since=20):
        write(store, batches(number, values))
    assert command("gate", "--report", "gitlab=quality.json").code == 1
    places = {issue["location"]["path"]: issue for issue in json.loads((tmp_path / "quality.json").read_text())}
    (found,) = [path for path in places if path.endswith("/loaded.json")]
    assert found.startswith(f"{DIRECTORY}/")
    issue = next(
        one for one in json.loads((tmp_path / "quality.json").read_text()) if " duration_s " in one["description"]
    )
    line = (tmp_path / found).read_text().splitlines()[issue["location"]["lines"]["begin"] - 1]
    assert line.strip() == '"duration_s": {'


def test_the_document_among_the_reports_keeps_to_its_schema(said, tmp_path):
    said("--report", "json=gate.json")
    schema = json.loads((files("ledger.report") / "gate.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "gate.json").read_text()), schema)
