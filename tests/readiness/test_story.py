"""The whole story on the real pipeline, in a clone of this repository: from not ready to deployed and refused again.

Baselines hold what does not depend on how busy the machine is: quality and memory.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readiness.forging import reason_in
from tests.readiness.site import ALICE, BOB, Site, git, make_key

ROOT = Path(__file__).parents[2]
JOB = "enrich_companies"
RUN = ("run", "--job", JOB, "--executor", "in_process", "-q", "--runs", "5")
METRICS = ("match_rate", "precision", "recall", "mean_confidence", "peak_increase_bytes")
BLOCKED_AT_FIRST = {
    "smoke_tests",
    "quality_gates",
    "baselines",
    "no_regression",
    "no_blocking_alerts",
    "overrides_recorded",
}


def program(site: Site, *words: str, cwd: Path | None = None, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    here = cwd or site.project
    done = site.program(*words, cwd=here, PYTHONPATH=f"{here}:{here / 'cli'}", DAGSTER_HOME=str(site.place / "home"))
    assert code is None or done.returncode == code, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done


def blockers(site: Site) -> set[str]:
    done = program(site, "readiness", "check", "--format", "json", code=None)
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["ready"] else 1)
    return set(document["blockers"])


def guarded(site: Site, manifest: Path, project: Path) -> tuple[int, str, bool]:
    """Deploy behind the guard; return exit code, reason, and whether it was really deployed."""
    trace = site.place / "deployed"
    trace.unlink(missing_ok=True)
    deploy = (sys.executable, "-c", f"open({str(trace)!r}, 'w').close()")
    done = program(site, "readiness", "guard", "--manifest", str(manifest), "--", *deploy, cwd=project, code=None)
    return done.returncode, reason_in(done.stderr) if done.returncode else "", trace.exists()


def a_clone(place: Path) -> Site:
    """Return a clone of this repository with keys, a policy that asks for two roles, and a remote."""
    site = Site(place)
    git(place, "clone", "-q", str(ROOT), str(site.project))
    (place / "home").mkdir()
    (place / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    git(site.project, "checkout", "-q", "-B", "main")
    git(site.project, "remote", "remove", "origin")
    for principal, role in ((ALICE, "engineering"), (BOB, "operations")):
        make_key(site.key(principal))
        words = ("keys", "init", "--principal", principal, "--role", role, "--job", JOB)
        program(site, *words, "--key", str(site.key(principal)))
    policy = site.policy
    policy["environments"]["prod"] |= {"approvals": {"engineering": 1, "operations": 1}}
    site.set_policy(policy)
    site.commit_all("keys and policy")
    git(place, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(site.project, "remote", "add", "origin", str(place / "origin.git"))
    site.publish()
    return site


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_not_ready_to_deployed_and_refused_again(tmp_path):
    site = a_clone(tmp_path)

    # Not ready: each blocker is named. Then the runs, the baselines, and the smoke tests of the commit that has them.
    program(site, "run", "--job", "enrich_awards", "--executor", "in_process", "-q")
    assert blockers(site) == BLOCKED_AT_FIRST
    program(site, *RUN)
    assert blockers(site) == {"smoke_tests", "baselines", "no_regression"}
    chosen = [word for metric in METRICS for word in ("--metric", metric)]
    program(site, "baseline", "propose", "--job", JOB, "--last", "5", *chosen, "--reason", "first", "--write")
    site.commit_all("baselines")
    site.publish()
    program(site, *RUN)
    assert blockers(site) == {"smoke_tests"}
    program(site, "smoke")
    assert blockers(site) == set()

    # Ready: built, signed by two roles, and verified in a clone that holds only git, the ledger, and the manifest.
    manifest = tmp_path / "manifest.json"
    program(site, "manifest", "build", "-o", str(manifest), "--valid", "10m")
    program(site, "manifest", "sign", str(manifest), "--key", str(site.key(ALICE)))
    assert guarded(site, manifest, site.project) == (4, "threshold", False)
    program(site, "manifest", "sign", str(manifest), "--key", str(site.key(BOB)))
    fresh = tmp_path / "fresh"
    git(tmp_path, "clone", "-q", str(tmp_path / "origin.git"), str(fresh))
    assert guarded(site, manifest, fresh) == (0, "", True)

    # One event altered: refused; put back: deployed.
    target = max(site.ledger.rglob("*.parquet"), key=lambda path: path.stat().st_size)
    data = target.read_bytes()
    target.unlink()
    target.write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])
    assert guarded(site, manifest, fresh) == (4, "ledger", False)
    target.write_bytes(data)
    assert guarded(site, manifest, fresh) == (0, "", True)

    # A new commit: refused, with the artefact or the commit as the reason.
    (fresh / "README.md").write_text("changed\n")
    git(fresh, "commit", "-q", "-a", "-m", "a change")
    code, reason, deployed = guarded(site, manifest, fresh)
    assert (code, deployed) == (4, False)
    assert reason in {"commit", "subjects"}
    git(fresh, "reset", "-q", "--hard", "origin/main")

    # After expiry: refused. Starting the program that signs takes longer than the second it is valid.
    short = tmp_path / "short.json"
    program(site, "manifest", "build", "-o", str(short), "--valid", "1s")
    for principal in (ALICE, BOB):
        program(site, "manifest", "sign", str(short), "--key", str(site.key(principal)))
    assert guarded(site, short, fresh) == (4, "expired", False)
