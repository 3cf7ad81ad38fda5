"""A project that is ready to be deployed: a repository with a remote, baselines, keys and policy, and a ledger.

The runs are written into the ledger as the integration would; git, ssh-keygen and the command line are the real ones.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from ledger.events import AlertRaised, CheckEvaluated, Event, SmokeTested, StreamId
from ledger.events.batch import freeze
from ledger.store import open_store
from ledger_cli.main import main
from tests.judged import BEGAN, batches, story, write

JOB: Final = "job"
CASES: Final = ("known_good", "empty")
BASE: Final = "match_rate_threshold: 0.7\nregression: {ignore_packages: true}\n"
ALICE, BOB, EVE = "alice@example.org", "bob@example.org", "eve@example.org"
ROLES: Final = {ALICE: "engineering", BOB: "operations"}
BEFORE, RUNS = 20, 5


@dataclass(frozen=True)
class Site:
    """Where everything is.

    Attributes:
        place: Directory of it all.
    """

    place: Path

    @property
    def project(self) -> Path:
        return self.place / "project"

    @property
    def ledger(self) -> Path:
        return self.place / "ledger"

    def key(self, principal: str) -> Path:
        return self.place / "keys" / principal

    @property
    def commit(self) -> str:
        return git(self.project, "rev-parse", "HEAD")

    def store(self):
        return open_store(str(self.ledger), create=True)

    def record(self, name: str, *events: Event, hours: float = 40.0) -> None:
        """Append events to a stream of their own."""
        at = BEGAN + timedelta(hours=hours)
        self.store().append(freeze(str(StreamId("told", name)), [(at, event) for event in events]))

    def runs(self, first: int, count: int, commit: str, **more) -> None:
        """Record runs of a commit, each with the checks of a match rate."""
        for number, values in story(first + count, **more)[first:]:
            write(self.store(), batches(number, values, commit=commit, job=JOB))
            self.checked(f"run-{number:03}", values["matched"]["match_rate"], hours=number)

    def checked(self, run_id: str, value: float, *, threshold: float = 0.7, hours: float = 0.0) -> None:
        event = CheckEvaluated(
            run_id=run_id, asset="matched", check="match_rate_gate", metric="match_rate", value=value,
            threshold=threshold, status="passed" if value >= threshold else "failed", severity="error", blocking=True,
            details={},
        )  # fmt: skip
        self.record(f"check-{run_id}-{value}-{threshold}", event, hours=hours + 0.5)

    def smoke(self, commit: str, *, status: str = "passed", dirty: bool = False, cases=CASES, hours=40.0) -> None:
        for case in cases:
            event = SmokeTested(case=case, status=status, code_version=commit, code_dirty=dirty, details={})
            self.record(f"smoke-{case}-{commit}-{status}-{dirty}", event, hours=hours)

    def alert(self, run_id: str, severity: str = "error", alert_id: str = "alarm") -> None:
        event = AlertRaised(run_id=run_id, asset="matched", alert_id=alert_id, severity=severity, message="it is bad")
        self.record(f"alert-{run_id}-{alert_id}", event)

    def commit_all(self, message: str) -> str:
        git(self.project, "add", "-A")
        git(self.project, "commit", "-q", "-m", message)
        return self.commit

    def commit_all_empty(self) -> str:
        git(self.project, "commit", "-q", "--allow-empty", "-m", "nothing")
        return self.commit

    def publish(self) -> None:
        """Have what is checked out on the protected branch."""
        git(self.project, "push", "-q", "origin", "HEAD:main")
        git(self.project, "fetch", "-q", "origin")

    def run(self, *words: str, code: int | None = 0) -> str:
        """Run the command line in the project, in this process; return what it wrote."""
        done = said(self.project, *words, "--ledger", str(self.ledger))
        assert code is None or done[0] == code, done
        return done[1]

    def program(self, *words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the program as a shell would."""
        return subprocess.run(
            [sys.executable, "-m", "ledger_cli.main", *words], cwd=cwd or self.project, capture_output=True, text=True,
            env=os.environ | {"DAGSTER_LEDGER_URI": str(self.ledger)} | environment, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def copy(self, place: Path) -> "Site":
        """Return another site that is the same, with a remote of its own."""
        shutil.copytree(self.place, place, symlinks=True)
        git(place / "project", "remote", "set-url", "origin", str(place / "origin.git"))
        return Site(place)

    @property
    def policy(self) -> dict:
        return json.loads((self.project / "config/trust/policy.json").read_text())

    def set_policy(self, policy: dict) -> None:
        (self.project / "config/trust/policy.json").write_text(json.dumps(policy, indent=2) + "\n")


def said(project: Path, *words: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of the command line, run in a directory, in this process."""
    out, errors, here = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(project)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = main([*words])
    finally:
        os.chdir(here)
    return code, out.getvalue(), errors.getvalue()


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(directory), "-c", "user.name=T", "-c", "user.email=t@example.org", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_key(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return path


def made(place: Path) -> Site:
    """Return a site that is ready: every critical item holds, nothing is signed yet."""
    site = Site(place)
    site.project.mkdir(parents=True)
    git(site.project, "init", "-q", "-b", "main")
    (site.project / "config" / "smoke").mkdir(parents=True)
    (site.project / "config" / "base.yaml").write_text(BASE)
    cases = {name: {"description": "d", "expect": {"status": "success"}} for name in CASES}
    (site.project / "config" / "smoke" / "cases.yaml").write_text(json.dumps(cases))
    first = site.commit_all("a project")
    site.runs(0, BEFORE, first)
    site.run("baseline", "propose", "--job", JOB, "--last", str(BEFORE), "--reason", "first", "--write")
    for principal, role in ROLES.items():
        make_key(site.key(principal))
        words = ("keys", "init", "--principal", principal, "--role", role, "--key", str(site.key(principal)))
        assert said(site.project, *words, "--job", JOB)[0] == 0
    policy = site.policy
    policy["environments"]["prod"]["approvals"] = dict.fromkeys(ROLES.values(), 1)
    site.set_policy(policy)
    second = site.commit_all("baselines, keys and policy")
    git(place, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(site.project, "remote", "add", "origin", str(place / "origin.git"))
    site.publish()
    site.runs(BEFORE, RUNS, second)
    site.smoke(second)
    return site


def approved(site: Site, *words: str) -> Path:
    """Build a manifest and have both sign it; return its file."""
    path = site.place / "manifest.json"
    site.run("manifest", "build", "-o", str(path), *words)
    for principal in ROLES:
        site.run("manifest", "sign", str(path), "--key", str(site.key(principal)))
    return path
