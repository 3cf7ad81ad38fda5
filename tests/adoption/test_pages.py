"""What a CI owner and an operator are promised in ten minutes is played from an empty directory, as the pages stand."""

import json
import re
import subprocess

import pytest
import yaml

from tests.adoption.pages import play

FAILING_GATE = "dagster-ledger gate --base main --report comment=comment.md --report junit=gate.xml"
GUARD = "dagster-ledger readiness guard --manifest manifest.json -- echo deployed"


@pytest.fixture
def empty(fresh, tmp_path):
    """A shell in an empty directory."""
    (tmp_path / "project").mkdir()
    return fresh(tmp_path / "project")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pull_request_that_makes_links_worse_is_stopped(empty):
    told = play(empty, "first-gate.md", {FAILING_GATE: 1})
    assert re.search(r"FAIL: judged [23] of 3; \d regressed", told[f"! {FAILING_GATE}"])
    assert re.search(r"^regressed \(critical\) +located +match_rate ", told[f"! {FAILING_GATE}"], re.MULTILINE)
    comment = (empty.place / "comment.md").read_text()
    assert "match_rate" in comment
    assert re.search(r"0\.8000\s→\s0\.6000", comment)
    assert "<failure" in (empty.place / "gate.xml").read_text()
    assert "worse by 20.00 points" in told["dagster-ledger explain located match_rate --job sales"]
    assert re.search(r"PASS: judged [23] of 3", told["dagster-ledger gate --base main"])

    # The job that init wrote comes to the same: its own scripts, on the worse commit of a clone that knows its origin.
    (step,) = (
        step["run"]
        for step in yaml.safe_load((empty.place / ".github/workflows/dagster-ledger.yml").read_text())["jobs"]["gate"][
            "steps"
        ]
        if step.get("name") == "Ask the gate"
    )
    empty.run("git clone -q --mirror . ../origin && git remote add origin ../origin && git fetch -q origin")
    empty.run("git switch -q --detach HEAD~1")
    empty.run("dagster-ledger run --job sales --runs 5 --quiet")
    answer = empty.run(f"export BASE=origin/main RUNNER_TEMP=.. GITHUB_STEP_SUMMARY=../summary.md\n{step}", code=1)
    assert re.search(r"^::error .*match_rate", answer.stdout, re.MULTILINE)
    assert "match_rate" in (empty.place.parent / "summary.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_deployment_waits_for_what_is_critical_and_for_two_signatures(empty):
    def adapted(line, told):
        """Answer for the alert that there is."""
        if " ack 45f6c2bb " not in line:
            return line
        (alert,) = re.findall(r"^([0-9a-f]{8})  (?:critical|error)", told["dagster-ledger show latest"], re.MULTILINE)
        return line.replace("45f6c2bb", alert)

    codes = {"dagster-ledger run --job sales --quiet": 1, "dagster-ledger readiness check": 1, GUARD: 4}
    told = play(empty, "first-manifest.md", codes, adapted)
    assert "match_rate is 0.25, below 0.7" in told["dagster-ledger show latest"]
    assert "BLOCKS  quality_gates" in told["! dagster-ledger readiness check"]
    assert "refused (threshold)" in told[f"! {GUARD}"]
    assert told[GUARD].strip() == "deployed"
    assert "READY" in told["dagster-ledger manifest build -o manifest.json"]
    assert (empty.place / "report.html").read_text().startswith("<!doctype html>")
    readiness = json.loads(empty.run("dagster-ledger report --format json").stdout)["readiness"]["answer"]
    assert readiness["ready"]
    assert {item["name"] for item in readiness["items"] if item["critical"]} >= {"smoke_tests", "no_blocking_alerts"}
    subprocess.run(["git", "diff", "--quiet"], cwd=empty.place, check=True)
