"""Baselines and the gate as a team uses them: a repository with a protected branch, real runs, every report."""

import json
import re
import shlex
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import program
from tests.readiness.site import git

PIPELINE = """
    from pathlib import Path

    import dagster as dg

    from ledger.dagster import current_span, tracked


    @dg.asset
    @tracked
    def hungry() -> int:
        block = b"x" * (int(Path("megabytes.txt").read_text()) << 20)
        current_span().rows(rows_out=100)
        return len(block)


    defs = dg.Definitions(assets=[hungry], jobs=[dg.define_asset_job("tiny", selection=["hungry"])])
"""
RUN = ("run", "-m", "pipeline", "-j", "tiny", "--executor", "in_process", "-q", "--format", "json")
CONFIG = "regression: {baseline_runs: 5, min_baseline_runs: 5}\n"
IGNORED = ".ledger\n.dagster_home\noutput\nreports\nbody.md\n__pycache__\n"
REPORTS = {
    "markdown": "summary.md",
    "comment": "comment.md",
    "github": "annotations.txt",
    "junit": "gate.xml",
    "sarif": "gate.sarif",
    "gitlab": "quality.json",
    "metrics": "metrics.txt",
    "json": "gate.json",
}
# Memory, not time: it is the same however busy the machine is. Times are judged in ``test_regression_gate``.
WANTED = ("--asset", "hungry", "--metric", "peak_increase_bytes")


@dataclass
class Team:
    """A clone of the repository that everybody works in."""

    place: Path

    def git(self, *words: str) -> str:
        return git(self.place, *words)

    def run(self, *words: str, code: int = 0) -> str:
        """Give a command, and return its output; it is given in the project."""
        done = program(*words)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout

    def measure(self, runs: int) -> None:
        """Run the pipeline at what is checked out."""
        for _ in range(runs):
            self.run(*RUN)

    def change(self, branch: str, megabytes: str) -> None:
        """Begin a pull request in which the asset takes so much."""
        self.git("checkout", "-q", "-B", branch, "origin/main")
        (self.place / "megabytes.txt").write_text(megabytes)
        self.commit(f"{branch}: {megabytes} MB")

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def merge(self) -> None:
        """Merge the pull request, as the service would."""
        self.git("push", "-q", "origin", "HEAD:main")
        self.git("fetch", "-q", "origin")

    def gate(self, code: int, *words: str) -> dict:
        """Ask as CI does, with every report; return the document."""
        told = [word for form, name in REPORTS.items() for word in ("--report", f"{form}=reports/{name}")]
        self.run("gate", "--base", "origin/main", "--head", "HEAD", *WANTED, *told, *words, code=code)
        return json.loads(self.report("json"))

    def report(self, form: str) -> str:
        return (self.place / "reports" / REPORTS[form]).read_text()

    def failures(self) -> list[ET.Element]:
        """Return the failed test cases of the JUnit report."""
        return ET.fromstring(self.report("junit")).findall(".//failure")  # noqa: S314 - written by ourselves


@pytest.fixture
def team(tmp_path, monkeypatch) -> Team:
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    team = Team(place)
    (place / "pipeline.py").write_text(dedent(PIPELINE))
    (place / "megabytes.txt").write_text("60")
    (place / "config").mkdir()
    (place / "config" / "base.yaml").write_text(CONFIG)
    (place / ".gitignore").write_text(IGNORED)
    team.git("init", "-q", "--template=", "-b", "main")
    team.commit("a pipeline")
    git(tmp_path, "init", "-q", "--template=", "--bare", "-b", "main", "origin.git")
    team.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    team.merge()
    return team


def assert_told(team: Team, document: dict) -> None:
    """Every report names what got worse, and only that."""
    (worse,) = [one for one in document["findings"] if one["state"] == "regressed"]
    assert (worse["asset"], worse["metric"]) == ("hungry", "peak_increase_bytes")
    open_part = team.report("comment").split("<details>", maxsplit=1)[0]
    assert "hungry" in open_part
    assert re.search(r"hungry.*\+\d+(\.\d+)?\s?%", open_part), open_part
    assert "dagster-ledger confirm" in team.report("comment")
    assert "hungry" in team.report("markdown")
    assert team.report("github").startswith("::error ")
    assert team.failures()
    (result,) = json.loads(team.report("sarif"))["runs"][0]["results"]
    assert result["level"] == "error"
    assert (team.place / result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).is_file()
    assert [one["severity"] for one in json.loads(team.report("gitlab"))] in (["critical"], ["major"])
    assert team.report("metrics").rstrip().endswith("# EOF")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pull_request_that_takes_more_is_told_confirmed_and_fixed_and_one_that_takes_less_tightens(team):
    # Established by a pull request of its own.
    team.measure(5)
    team.git("checkout", "-q", "-b", "baselines")
    team.run("init", "--git")
    team.run("baseline", "propose", *WANTED, "--anchor", "first", "--reason", "first measurements", "--write")
    team.commit("baselines")
    team.run("baseline", "check", "--base", "origin/main")
    team.merge()

    # A pull request that makes an asset hungrier.
    team.change("hungrier", "180")
    team.measure(3)
    document = team.gate(1)
    assert_told(team, document)

    # It is no accident.
    (advised,) = re.findall(r"^dagster-ledger (confirm.*)$", team.report("comment"), re.MULTILINE)
    assert "regressed" in team.run(*shlex.split(advised), "-m", "pipeline", "-n", "3", "-q", code=1)

    # Fixed on the same branch.
    (team.place / "megabytes.txt").write_text("60")
    team.commit("as lean as before")
    team.measure(4)
    fixed = team.gate(0)
    assert fixed["counts"]["regressed"] == 0
    assert not team.failures()
    team.merge()

    # An improvement tightens what is accepted.
    team.change("leaner", "20")
    team.measure(5)
    words = (*WANTED, "--reason", "holds less", "--write", "--pr-body", "body.md")
    team.run("baseline", "propose", *words)
    team.commit("baseline of the leaner asset")
    difference = team.run("baseline", "diff", "origin/main...HEAD", "--format", "markdown")
    assert "hungry" in difference
    assert "tighten" in difference
    assert "holds less" in difference
    assert "holds less" in (team.place / "body.md").read_text()
    team.run("baseline", "check", "--base", "origin/main")
    team.measure(3)
    assert team.gate(0)["outcome"] in {"PASS", "WARN"}
    team.merge()
    words = ("baseline", "show", "hungry", "--history", "--metric", "peak_increase_bytes", "--format", "json")
    history = json.loads(team.run(*words))
    assert [one["kind"] for one in history] == ["establish", "tighten"]
    assert [one["reason"] for one in history] == ["first measurements", "holds less"]
    assert history[-1]["subject"] == "baseline of the leaner asset"
