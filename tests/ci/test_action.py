"""The scripts of the composite action, run as a runner does, with a program in the place of GitHub's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.report.ci import FORMATS
from ledger.store import open_store
from tests.ci.conftest import ROOT
from tests.judged import batches, story, write
from tests.report.answers import HOSTILE, every_state, finding, report

ACTION = ROOT / ".github" / "actions" / "gate"
PROGRAM = Path(sys.executable).parent / "dagster-ledger"
# Keeps comments in a file, answers `gh api` as GitHub does, and evaluates the one filter that is asked of it.
GH = """#!{python}
import json, os, sys
place = os.environ["COMMENTS"]
words = sys.argv[1:]
assert words.pop(0) == "api"
body = next((open(word[6:], encoding="utf-8").read() for word in words if word.startswith("body=@")), None)
if os.environ.get("REFUSE") in words or os.environ.get("REFUSE") == "all":
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
comments = json.load(open(place))
if "--jq" in words:
    assert "per_page=100" in words[1], words
    assert "startswith(env.MARKER)" in words[-1] and "env.AUTHOR" in words[-1], words
    for one in comments:
        if one["user"]["login"] == os.environ["AUTHOR"] and one["body"].startswith(os.environ["MARKER"]):
            print(one["id"])
elif "PATCH" in words:
    (address,) = [word for word in words if word.startswith("repos/")]
    (found,) = [one for one in comments if address == f"repos/octo/repo/issues/comments/{{one['id']}}"]
    found["body"] = body
elif "POST" in words:
    assert "repos/octo/repo/issues/7/comments" in words
    comments.append({{"id": len(comments) + 1, "user": {{"login": os.environ["AUTHOR"]}}, "body": body}})
json.dump(comments, open(place, "w"))
"""


@pytest.fixture
def runner(tmp_path):
    """Run a script of the action with these inputs, and return its code, its output, and what it left."""
    (tmp_path / "temp").mkdir()
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "gh").write_text(GH.format(python=sys.executable))
    (bin_ / "gh").chmod(0o755)
    comments = tmp_path / "comments.json"
    comments.write_text("[]")
    fixed = {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_REPOSITORY": "octo/repo",
        "COMMENTS": str(comments),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
    }
    inputs = {"BASE": "", "JOB": "", "LEDGER": "", "ARGS": "", "REPORTS": "", "PROGRAM": str(PROGRAM),
              "AUTHOR": "github-actions[bot]", "PULL": "7"}  # fmt: skip

    def run(script, **given):
        return subprocess.run(
            [ACTION / script], cwd=tmp_path, env=fixed | inputs | given, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def ledger(tmp_path):
    place = tmp_path / "ledger"
    store = open_store(str(place), create=True)
    for number, values in story(25, slower=1.4, since=20):
        write(store, batches(number, values))
    return place


def outputs(tmp_path):
    return dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())


def test_the_gate_is_asked_and_told_everywhere(runner, ledger, tmp_path):
    done = runner(
        "judge.sh", LEDGER=str(ledger), ARGS="--baseline\nlast:20\n--no-record", REPORTS="gitlab=more/quality.json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = outputs(tmp_path)
    assert (found["exit-code"], found["outcome"]) == ("1", "FAIL")
    directory = Path(found["directory"])
    assert {path.name for path in directory.iterdir()} == {
        "summary.md", "comment.md", "annotations.txt", "gate.xml", "gate.sarif", "gate.json",
    }  # fmt: skip
    assert (tmp_path / "summary").read_text() == (directory / "summary.md").read_text()
    assert (tmp_path / "more" / "quality.json").is_file()
    lines = done.stdout.splitlines()
    stopped = lines.index(next(line for line in lines if line.startswith("::stop-commands::")))
    resumed = lines.index(f"::{lines[stopped].removeprefix('::stop-commands::')}::")
    assert stopped == 0
    assert any("regressed (critical)" in line for line in lines[:resumed])
    assert "\n".join(lines[resumed + 1 :]) + "\n" == (directory / "annotations.txt").read_text()


def test_the_word_that_resumes_commands_is_another_one_each_time(runner, ledger):
    words = {runner("judge.sh", LEDGER=str(ledger), ARGS="--no-record").stdout.splitlines()[0] for _ in range(2)}
    assert len(words) == 2
    assert all(len(word.removeprefix("::stop-commands::")) == 32 for word in words)


def test_a_gate_that_cannot_be_asked_has_no_outcome_and_its_own_code(runner, tmp_path):
    done = runner("judge.sh", LEDGER=str(tmp_path / "nowhere"))
    assert done.returncode == 0
    found = outputs(tmp_path)
    assert (found["exit-code"], found["outcome"]) == ("2", "")
    assert not (tmp_path / "summary").exists()


def test_inputs_are_words_and_no_shell(runner, ledger, tmp_path):
    for name in ("JOB", "BASE", "ARGS", "REPORTS"):
        runner("judge.sh", **{"LEDGER": str(ledger), name: '$(touch owned); `touch owned` "; touch owned; "'})
    assert not (tmp_path / "owned").exists()


def comment(tmp_path, one):
    path = tmp_path / "comment.md"
    path.write_bytes(FORMATS["comment"].write(one).encode("utf-8", "backslashreplace"))
    return str(path)


def kept(tmp_path):
    return json.loads((tmp_path / "comments.json").read_text())


def test_one_comment_is_written_and_then_replaced(runner, tmp_path):
    first, second = report(finding("regressed")), report(finding())
    assert runner("comment.sh", BODY=comment(tmp_path, first)).returncode == 0
    assert runner("comment.sh", BODY=comment(tmp_path, second)).returncode == 0
    (found,) = kept(tmp_path)
    assert "PASS. Nothing got worse" in found["body"]
    runner("comment.sh", BODY=comment(tmp_path, report(finding(), job="nightly")))
    assert len(kept(tmp_path)) == 2


def test_nobody_elses_comment_is_replaced(runner, tmp_path):
    body = FORMATS["comment"].write(report(finding()))
    theirs = {"id": 1, "user": {"login": "mallory"}, "body": body}
    (tmp_path / "comments.json").write_text(json.dumps([theirs]))
    assert runner("comment.sh", BODY=comment(tmp_path, report(finding("regressed")))).returncode == 0
    found = kept(tmp_path)
    assert found[0] == theirs
    assert found[1]["user"]["login"] == "github-actions[bot]"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_arrive_as_they_were_written(runner, tmp_path, name):
    path = comment(tmp_path, every_state(HOSTILE[name]))
    assert runner("comment.sh", BODY=path).returncode == 0
    assert kept(tmp_path)[0]["body"] == Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("refused", ["all", "POST"])
def test_a_token_without_the_right_is_told_and_fails_nothing(runner, tmp_path, refused):
    done = runner("comment.sh", BODY=comment(tmp_path, report(finding())), REFUSE=refused)
    assert done.returncode == 0
    assert done.stdout.startswith("::warning::")
    assert kept(tmp_path) == []


def test_what_is_no_comment_of_the_gate_is_not_posted(runner, tmp_path):
    (tmp_path / "other.md").write_text("hello\n")
    done = runner("comment.sh", BODY=str(tmp_path / "other.md"))
    assert done.returncode == 1
    assert kept(tmp_path) == []
