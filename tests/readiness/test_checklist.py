"""The checklist through the command line: what holds, and that every critical item, switched off or failed, blocks."""

import json
import re
from importlib.resources import files

import jsonschema
import pytest

from ledger.checklist import CRITICAL, ITEMS
from ledger.events import GateOverridden
from tests.judged import batches, story, write
from tests.readiness.site import JOB, Site, git, said

SCHEMA = json.loads((files("ledger.report") / "readiness.schema.json").read_text())


def checked(site: Site, code: int | None = None, *words: str) -> dict:
    """Return the answer of ``readiness check``, which must fit its schema."""
    found = said(site.project, "readiness", "check", "--format", "json", *words, "--ledger", str(site.ledger))
    assert code is None or found[0] == code, found
    document = json.loads(found[1])
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_a_ready_commit_is_ready_and_says_by_what(ready_site):
    document = checked(ready_site, 0)
    assert document["ready"]
    assert document["blockers"] == []
    assert [one["name"] for one in document["items"]] == list(ITEMS)
    assert all(one["evidence"] for one in document["items"] if one["name"] != "no_blocking_alerts")
    assert {one["name"] for one in document["items"] if one["critical"]} == set(CRITICAL)
    text = ready_site.run("readiness", "check")
    assert text.startswith(f"READY: commit {ready_site.commit[:12]} for prod; all 7 critical items hold")


def test_it_is_the_same_for_everybody_who_asks(ready_site):
    assert [one["evidence"] for one in checked(ready_site)["items"][:4]] == [
        one["evidence"] for one in checked(ready_site)["items"][:4]
    ]


def smoke_failed(site: Site) -> None:
    site.smoke(site.commit, status="failed", cases=("empty",), hours=41.0)


def smoke_of_changed_files(site: Site) -> None:
    site.smoke(site.commit, dirty=True, cases=("empty",), hours=41.0)


def smoke_case_added(site: Site) -> None:
    path = site.project / "config/smoke/cases.yaml"
    cases = json.loads(path.read_text()) | {"another": {"description": "d", "expect": {"status": "success"}}}
    path.write_text(json.dumps(cases))
    moved(site)
    site.smoke(site.commit)


def moved(site: Site) -> None:
    """Commit what was changed, and have the runs of that commit."""
    commit = site.commit_all("a change")
    site.publish()
    site.runs(25, 5, commit)


def quality_failed(site: Site) -> None:
    site.checked("run-024", 0.5, hours=60)


def quality_loosened(site: Site) -> None:
    site.checked("run-024", 0.5, threshold=0.1, hours=60)


def run_failed(site: Site) -> None:
    write(site.store(), batches(30, story(31)[30][1], commit=site.commit, job=JOB, status="failed"))
    site.checked("run-030", 0.9, hours=30)


def no_checks(site: Site) -> None:
    write(site.store(), batches(30, story(31)[30][1], commit=site.commit, job=JOB))


def asset_missing(site: Site) -> None:
    values = {name: measured for name, measured in story(31)[30][1].items() if name != "published"}
    write(site.store(), batches(30, values, commit=site.commit, job=JOB))
    site.checked("run-030", 0.9, hours=30)


def baseline_removed(site: Site) -> None:
    next((site.project / "baselines").glob("*/published.json")).unlink()
    moved(site)
    site.smoke(site.commit)


def slower(site: Site) -> None:
    site.runs(25, 5, site.commit, slower=1.5, since=0)


def too_few_runs(site: Site) -> None:
    commit = site.commit_all_empty()
    site.publish()
    site.runs(25, 1, commit)
    site.smoke(commit)


def ledger_altered(site: Site) -> None:
    site.run("ledger", "seal")
    target = next(
        file
        for file in sorted(site.ledger.rglob("*.parquet"))
        if file.stat().st_size > 500 and "leaves" not in file.parts
    )
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.unlink()
    target.write_bytes(bytes(data))


def alerted(site: Site) -> None:
    site.alert("run-024")


def commit_without_runs(site: Site) -> None:
    commit = site.commit_all_empty()
    site.publish()
    site.smoke(commit)


BLOCKED = {
    "smoke test failed": (smoke_failed, {"smoke_tests"}),
    "smoke test of changed files": (smoke_of_changed_files, {"smoke_tests"}),
    "smoke case not run": (smoke_case_added, {"smoke_tests"}),
    "quality check failed": (quality_failed, {"quality_gates"}),
    "quality threshold loosened for the run": (quality_loosened, {"quality_gates"}),
    "newest run failed": (run_failed, {"quality_gates"}),
    "newest run without checks": (no_checks, {"quality_gates"}),
    "newest run made less": (asset_missing, {"quality_gates"}),
    "baseline removed": (baseline_removed, {"baselines"}),
    "slower": (slower, {"no_regression"}),
    "too few runs": (too_few_runs, {"no_regression"}),
    "alert nobody answers for": (alerted, {"no_blocking_alerts"}),
    "commit without runs": (
        commit_without_runs,
        {"quality_gates", "baselines", "no_regression", "no_blocking_alerts", "overrides_recorded"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKED)
def test_a_critical_item_that_fails_blocks(site, name):
    fail, expected = BLOCKED[name]
    fail(site)
    document = checked(site, 1)
    assert not document["ready"]
    assert set(document["blockers"]) == expected
    text = site.run("readiness", "check", code=1)
    assert text.startswith("NOT READY")
    assert all(f"BLOCKS  {item}: " in text for item in expected)
    refused = said(site.project, "manifest", "build", "-o", str(site.place / "m.json"), "--ledger", str(site.ledger))
    assert refused[0] == 1
    assert not (site.place / "m.json").exists()


def test_every_critical_item_is_failed_above_or_below():
    failed = {item for _, expected in BLOCKED.values() for item in expected}
    assert failed | {"ledger_verifies"} == set(CRITICAL)


def test_an_altered_ledger_blocks_or_cannot_even_be_read(site):
    ledger_altered(site)
    code, out, errors = said(site.project, "readiness", "check", "--ledger", str(site.ledger))
    assert (code == 1 and "BLOCKS  ledger_verifies" in out) or (code == 4 and len(errors.splitlines()) == 1)


@pytest.mark.slow
@pytest.mark.parametrize("item", CRITICAL)
def test_an_item_that_a_project_no_longer_knows_or_leaves_out_blocks_where_the_policy_asks_for_it(site, item):
    """Switched off in the trust root of a pull request, it stays required; and one that nobody knows blocks."""
    policy = site.policy
    policy["environments"]["prod"]["required_items"].remove(item)
    site.set_policy(policy)
    commit = site.commit_all("switch it off")
    document = checked(site)
    assert next(one for one in document["items"] if one["name"] == item)["critical"]
    assert git(site.project, "rev-parse", "HEAD") == commit


def test_an_item_that_this_release_does_not_know_blocks(site):
    policy = site.policy
    policy["environments"]["prod"]["required_items"].append("from_the_future")
    site.set_policy(policy)
    moved(site)
    site.smoke(site.commit)
    document = checked(site, 1)
    assert document["blockers"] == ["from_the_future"]
    assert "does not know the item" in site.run("readiness", "check", code=1)


def test_an_alert_that_somebody_answers_for_blocks_no_longer_and_again_when_that_ends(site):
    site.alert("run-024")
    assert checked(site, 1)["blockers"] == ["no_blocking_alerts"]
    site.run("ack", "alarm", "--reason", "known", "--owner", "Bob", "--for", "1h")
    assert checked(site, 0)["ready"]
    site.alert("run-024", severity="warning", alert_id="mild")
    assert checked(site, 0)["ready"]


def test_advice_is_told_and_does_not_block(site):
    override = GateOverridden(asset="matched", check=None, reason="r", owner="Bob", expires="2099-01-01T00:00:00+00:00")
    site.record("override", override)
    (site.project / "config" / "base.yaml").write_text("match_rate_threshold: 0.7\n")
    document = checked(site, 0)
    told = {one["name"]: one for one in document["items"]}
    assert not told["no_gate_overrides"]["holds"]
    assert not told["clean_tree"]["holds"]
    code, _, errors = said(site.project, "manifest", "build", "--ledger", str(site.ledger))
    assert code == 2
    assert "commit or undo" in errors


def test_without_trust_root_repository_or_environment_it_is_one_sentence(site, tmp_path):
    code, _, errors = said(site.project, "readiness", "check", "--environment", "moon", "--ledger", str(site.ledger))
    assert (code, errors.count("\n")) == (4, 1)
    assert "no environment 'moon'" in errors
    code, _, errors = said(
        site.project, "readiness", "check", "--protected-ref", "nowhere", "--ledger", str(site.ledger)
    )
    assert (code, errors.count("\n")) == (2, 1)
    (tmp_path / "plain").mkdir()
    code, _, errors = said(tmp_path / "plain", "readiness", "check", "--ledger", str(site.ledger))
    assert (code, errors.count("\n")) == (2, 1)
    git(site.project, "rm", "-q", "-r", "config/trust")
    moved(site)
    code, _, errors = said(site.project, "readiness", "check", "--ledger", str(site.ledger))
    assert code == 4
    assert "keys init" in errors


def test_the_report_for_operations_is_markdown_that_no_text_breaks(site, golden):
    site.alert("run-024", alert_id="alarm")
    hostile = GateOverridden(
        asset="matched|\x1b[31m", check=None, reason="<b>`x`</b>", owner="Bob", expires="2099-01-01T00:00:00+00:00"
    )
    site.record("hostile", hostile)
    out = site.place / "report.md"
    site.run("readiness", "report", "-o", str(out), code=1)
    text = out.read_text()
    assert "\x1b" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    store = site.store()
    known = {site.commit: "COMMIT", site.commit[:12]: "COMMIT", store.origin: "ORIGIN", store.checkpoint().root: "ROOT"}
    for value, name in known.items():
        text = text.replace(value, name)
    text = re.sub(r"Judged at [-0-9: ]+ UTC", "Judged at NOW", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    golden("readiness_report.md", text)
