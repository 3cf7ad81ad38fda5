"""``readiness`` on a ledger that a pipeline really wrote: every critical item, failed or switched off, blocks alone.

The pipeline runs once on each of two commits, in processes of its own. The gate wants more runs than that; they are
what the one run recorded, told again as later runs of other processes.
"""

import dataclasses
import hashlib
import json
import re
import shutil
from datetime import timedelta
from importlib.resources import files
from itertools import groupby
from pathlib import Path

import jsonschema
import pytest

from ledger.checklist import CRITICAL, ITEMS
from ledger.events import AssetStarted, CheckEvaluated, ConfigurationResolved, MetricMeasured, SmokeTested, StreamId
from ledger.events.batch import freeze
from ledger.events.codec import from_table
from ledger.service.readiness.runs import READY_CHECK
from ledger.service.reading.choosing import Choice, choose
from ledger.store import open_store
from ledger.store.protocol import EventQuery
from tests.readiness.site import ALICE, Site, git, make_key, said

pytestmark = [pytest.mark.xdist_group("really_run"), pytest.mark.slow]

SCHEMA = json.loads((files("ledger.report") / "readiness.schema.json").read_text())
JOB = "sales"
LOCATION = """
import dagster as dg

from ledger.dagster import current_span, tracked
from ledger.dagster.gates import QualityChecks, at_least

CHECKS = QualityChecks("matched", at_least("match_rate", "match_rate_threshold"))


@dg.asset(check_specs=CHECKS.specs)
@tracked
def matched():
    current_span().measure("match_rate", 0.9)
    yield from CHECKS.results(1)


@dg.asset
@tracked
def published(matched):
    current_span().measure("precision", 1.0)


defs = dg.Definitions(assets=[matched, published], jobs=[dg.define_asset_job("sales", ["matched", "published"])])
"""
CASES = {"good": {"description": "d", "job": JOB, "expect": {"assets": ["matched", "published"]}}}
COPIES = 5


def newest(site: Site) -> str:
    view = site.store().view()
    return choose(view, Choice(job=JOB, last=1)).run_ids[-1]


def tell_again(
    site: Site, count: int, *, commit: str | None = None, change=lambda event: event, minutes: int = 1
) -> list[str]:
    """Record the newest run again, later, under other names; ``change`` makes of each event what is told, or nothing.

    Args:
        site: Where.
        count: How often.
        commit: What the runs were of; what the newest run was of when ``None``.
        change: Gives an event anew, or ``None`` to leave it away.
        minutes: From one run to the next; negative for runs before the newest.
    """
    store, source = site.store(), newest(site)
    entries = sorted(from_table(store.read(EventQuery(run_ids=(source,)))), key=lambda one: (one.stream, one.seq))
    names = [hashlib.sha256(f"{source}{commit}{number}".encode()).hexdigest()[:32] for number in range(count)]
    for number, name in enumerate(names, 1):
        for stream, told in groupby(entries, key=lambda one: one.stream):
            place = dataclasses.replace(StreamId.parse(stream), key=name)
            events = []
            for entry in told:
                event = change(dataclasses.replace(entry.event, run_id=name))
                if isinstance(event, AssetStarted):
                    event = dataclasses.replace(
                        event, pid_started_ticks=number, code_version=commit or event.code_version
                    )
                if event is not None:
                    events.append((entry.ts + timedelta(minutes=minutes * number), event))
            store.append(freeze(str(place), events))
    return names


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Site:
    """A project whose pipeline ran, with baselines, a policy, and smoke tests; not to be changed."""
    site = Site(tmp_path_factory.mktemp("real") / "site")
    (site.project / "config" / "smoke").mkdir(parents=True)
    (site.project / "place.py").write_text(LOCATION)
    (site.project / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "place"\n')
    (site.project / ".gitignore").write_text(".dagster_home/\n__pycache__/\n.ledger/\noutput/\n")
    (site.project / "config" / "base.yaml").write_text("match_rate_threshold: 0.7\n")
    (site.project / "config" / "smoke" / "cases.yaml").write_text(json.dumps(CASES))
    git(site.place, "init", "-q", "-b", "main", str(site.project))
    site.commit_all("a pipeline")
    ran(site)
    tell_again(site, COPIES, minutes=-1)
    words = ("--metric", "match_rate", "--metric", "precision", "--last", str(COPIES + 1), "--reason", "r", "--write")
    site.run("baseline", "propose", "--job", JOB, *words)
    words = ("--principal", ALICE, "--role", "engineering", "--key", str(make_key(site.key(ALICE))), "--job", JOB)
    assert said(site.project, "keys", "init", *words)[0] == 0
    site.commit_all("baselines and policy")
    ran(site)
    tell_again(site, COPIES)
    done = site.program("smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def ran(site: Site) -> None:
    done = site.program("run", "-j", JOB, "--executor", "in_process", "-q")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def site(real, tmp_path) -> Site:
    """A copy of it, to be changed."""
    return copied(real, tmp_path / "site")


def copied(real: Site, place: Path) -> Site:
    shutil.copytree(real.place, place, symlinks=True)
    return Site(place)


def checked(site: Site, code: int, *words: str) -> dict:
    """Return the answer of ``readiness check``, which must fit its schema."""
    left, out, errors = said(
        site.project, "readiness", "check", "--format", "json", *words, "--ledger", str(site.ledger)
    )
    assert left == code, out + errors
    document = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def item(document: dict, name: str) -> dict:
    return next(one for one in document["items"] if one["name"] == name)


def test_what_really_ran_is_ready_and_names_its_evidence(real):
    document = checked(real, 0)
    assert document["ready"]
    assert len(item(document, "no_regression")["evidence"][JOB]["runs"]) == 5
    assert {one["name"] for one in document["items"] if one["critical"]} == set(CRITICAL)
    told = {one["name"]: json.dumps(one["evidence"]) for one in document["items"]}
    assert re.search(r"smoke/[0-9a-f]{32}#0", told["smoke_tests"])
    assert re.search(r"asset/matched/[0-9a-f-]+//0#\d+", told["quality_gates"])
    assert item(document, "quality_gates")["evidence"][JOB]["checks"][0]["value"] == "0.9"
    assert re.search(r"run/[0-9a-f-]+#1", told["overrides_recorded"])
    files_told = item(document, "smoke_tests")["evidence"]["files"]
    data = (real.project / "config/smoke/cases.yaml").read_bytes()
    assert files_told == {"config/smoke/cases.yaml": hashlib.sha256(data).hexdigest()}


def test_asked_twice_it_gives_the_same_bytes(site):
    first, second = (checked(site, 0) for _ in range(2))
    assert json.dumps(first["items"]) == json.dumps(second["items"])


def test_what_would_be_deployed_is_told_by_digest(real, tmp_path):
    wheel = tmp_path / "app.whl"
    wheel.write_bytes(b"what is deployed")
    digest = hashlib.sha256(b"what is deployed").hexdigest()
    assert checked(real, 0, "--artifact", str(wheel))["artifacts"] == {"app.whl": digest}
    assert f"artefact app.whl: sha256 {digest}" in real.run("readiness", "check", "--artifact", str(wheel))
    missing = said(real.project, "readiness", "check", "--artifact", str(tmp_path / "no"), "--ledger", str(real.ledger))
    assert (missing[0], missing[2].count("\n")) == (5, 1)


def a_smoke_test_fails(site: Site) -> None:
    site.smoke(site.commit, status="failed", cases=("good",), hours=24 * 3650)


def a_gate_fails(site: Site) -> None:
    tell_again(site, 1, change=lambda event: failed(event) if isinstance(event, CheckEvaluated) else event)


def failed(event: CheckEvaluated) -> CheckEvaluated:
    return dataclasses.replace(event, status="failed", value=0.5)


def a_baseline_is_removed(site: Site) -> None:
    next((site.project / "baselines").glob("*/published.json")).unlink()
    move(site)


def a_metric_gets_worse(site: Site) -> None:
    tell_again(site, COPIES, change=lambda event: worse(event) if isinstance(event, MetricMeasured) else event)


def worse(event: MetricMeasured) -> MetricMeasured:
    return dataclasses.replace(event, value=0.5) if event.metric == "precision" else event


def a_byte_changes(site: Site, place: int = 0) -> None:
    """Change a byte in the middle of a file, counted from the largest."""
    loose = [path for path in sorted(site.ledger.rglob("*.parquet")) if path.parent.name == "loose"]
    target = sorted(loose, key=lambda path: -path.stat().st_size)[place]
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.unlink()
    target.write_bytes(bytes(data))


def an_alert_stands(site: Site) -> None:
    site.alert(newest(site))


def a_configuration_is_not_told(site: Site) -> None:
    tell_again(site, 1, change=lambda event: None if isinstance(event, ConfigurationResolved) else event)


def move(site: Site) -> None:
    """Commit what was changed, and have runs and smoke tests of that commit."""
    commit = site.commit_all("a change")
    tell_again(site, COPIES, commit=commit)
    site.smoke(commit, cases=("good",))


FAILED = {
    "smoke_tests": a_smoke_test_fails,
    "quality_gates": a_gate_fails,
    "baselines": a_baseline_is_removed,
    "no_regression": a_metric_gets_worse,
    "no_blocking_alerts": an_alert_stands,
    "overrides_recorded": a_configuration_is_not_told,
}
WITH_IT = {"baselines": ["no_regression"]}
"""What cannot be judged without it."""


@pytest.mark.parametrize("name", FAILED)
def test_a_critical_item_that_fails_blocks(site, name):
    FAILED[name](site)
    assert checked(site, 1)["blockers"] == [name, *WITH_IT.get(name, [])]
    text = site.run("readiness", "check", code=1)
    line, remedy = text.splitlines()[1:3]
    assert line.startswith(f"  BLOCKS  {name}: ")
    assert remedy.startswith(" " * 10)


def test_every_critical_item_is_failed_here():
    assert {*FAILED, "ledger_verifies"} == set(CRITICAL)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_of_an_altered_ledger_nothing_is_believed_and_nothing_breaks(site, place):
    a_byte_changes(site, place)
    document = checked(site, 1)
    assert set(document["blockers"]) == set(CRITICAL)
    assert "the ledger is not what was appended: " in item(document, "ledger_verifies")["sentence"]
    assert "the ledger is not what was appended" in item(document, "no_regression")["sentence"]
    assert "NOT READY" in site.run("readiness", "report", code=1)


@pytest.mark.parametrize("name", CRITICAL)
def test_a_critical_item_that_is_switched_off_blocks_alone(site, name):
    (site.project / "config" / "base.yaml").write_text(f"match_rate_threshold: 0.7\nreadiness_off: [{name}]\n")
    move(site)
    document = checked(site, 1)
    assert document["blockers"] == [name]
    assert "switched off" in item(document, name)["sentence"]


def test_advice_that_is_switched_off_stops_nothing(site):
    (site.project / "config" / "base.yaml").write_text("match_rate_threshold: 0.7\nreadiness_off: [trends_hold]\n")
    move(site)
    assert "switched off" in item(checked(site, 0), "trends_hold")["sentence"]


def test_an_item_that_there_is_not_cannot_be_switched_off(site):
    (site.project / "config" / "base.yaml").write_text("readiness_off: [trends_holds]\n")
    site.commit_all("a typo")
    code, out, errors = said(site.project, "readiness", "check", "--ledger", str(site.ledger))
    assert (code, out) == (2, "")
    assert "did you mean 'trends_hold'" in errors


def test_a_file_of_the_commit_that_is_wrong_is_told_of_the_items_that_need_it(site):
    edited = next((site.project / "baselines").glob("*/published.json"))
    edited.write_text(edited.read_text().replace('"value": "1', '"value": "2', 1))
    move(site)
    document = checked(site, 1)
    assert set(document["blockers"]) == {"baselines", "no_regression"}
    assert "published.json:" in item(document, "baselines")["sentence"]
    settings = site.project / "config" / "base.yaml"
    kept = settings.read_text()
    settings.write_text("match_rate_threshold: [\n")
    site.commit_all("no YAML")
    settings.write_text(kept)  # The command itself reads the work tree.
    document = checked(site, 1)
    assert set(document["blockers"]) == set(CRITICAL)
    assert all("not valid YAML" in one["sentence"] for one in document["items"])


def test_an_alert_of_an_earlier_run_of_the_commit_stands_however_often_it_ran_since(site):
    site.alert(newest(site))
    tell_again(site, 3 * COPIES)
    document = checked(site, 1)
    assert document["blockers"] == ["no_blocking_alerts"]
    (alert,) = item(document, "no_blocking_alerts")["evidence"].values()
    assert (alert["acknowledged"], alert["event"].endswith("#0")) == (None, True)
    site.run("ack", "alarm", "--reason", "known", "--owner", "Bob", "--for", "1h")
    (alert,) = item(checked(site, 0), "no_blocking_alerts")["evidence"].values()
    assert (alert["acknowledged"]["owner"], alert["acknowledged"]["reason"]) == ("Bob", "known")


def test_a_smoke_test_of_another_case_file_says_nothing_of_the_commits_own(site):
    (site.project / "config" / "smoke" / "cases.yaml").write_text(json.dumps(CASES | {"more": CASES["good"]}))
    commit = site.commit_all("one more case")
    tell_again(site, COPIES, commit=commit)
    site.smoke(commit, cases=("good",))
    easy = site.place / "easy.yaml"
    easy.write_text(json.dumps({"more": {"description": "d", "job": JOB, "expect": {}}}))
    done = site.program("smoke", "--cases", str(easy))
    assert done.returncode == 0, done.stdout + done.stderr
    recorded = [entry.event for entry in from_table(site.store().read(EventQuery(kinds=("smoke_tested",))))]
    assert [event.case for event in recorded if isinstance(event, SmokeTested)][-1] == "easy.yaml:more"
    document = checked(site, 1)
    assert document["blockers"] == ["smoke_tests"]
    assert "more was not run" in item(document, "smoke_tests")["sentence"]


def test_a_refusal_of_the_check_ready_is_no_quality_gate(site):
    event = CheckEvaluated(
        run_id=newest(site), asset="published", check=READY_CHECK, status="failed", severity="error", blocking=True,
        details={},
    )  # fmt: skip
    site.record("refused", event)
    assert checked(site, 0)["ready"]


def test_a_check_that_fails_as_an_error_blocks_whether_or_not_dagster_stops_for_it(site):
    place = {"run_id": newest(site), "asset": "published", "check": "looks_well", "status": "failed", "details": {}}
    site.record("warned", CheckEvaluated(**place, severity="warning", blocking=False))
    assert not item(checked(site, 0), "no_warnings")["holds"]
    site.record("failed", CheckEvaluated(**place, severity="error", blocking=False), hours=24 * 3650)
    assert checked(site, 1)["blockers"] == ["quality_gates"]


def test_the_verdict_that_somebody_recorded_is_evidence(site):
    assert item(checked(site, 0), "no_regression")["evidence"][JOB]["verdict"] is None
    site.run("gate", "--job", JOB, "--commit", "HEAD", "--baseline", "ref:HEAD")
    assert item(checked(site, 0), "no_regression")["evidence"][JOB]["verdict"].startswith("verdict/")


def test_the_report_for_programs_has_every_section(site):
    site.alert(newest(site))
    text = site.run("readiness", "report", "--format", "json", code=1)
    document = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    told = document["sections"]
    assert [row["case"] for row in told["tests"]] == ["good"]
    assert [(row["check"], row["value"], row["required"]) for row in told["quality"]] == [("match_rate_gate", 0.9, 0.7)]
    assert [row["outcome"] for row in told["performance"]] == ["PASS"]
    assert {row["asset"] for row in told["baselines"]} == {"matched", "published"}
    assert [row["severity"] for row in told["alerts"]] == ["error"]
    assert document["issues"][0]["name"] == "no_blocking_alerts"
    assert set(told) == set(SCHEMA["properties"]["sections"]["properties"])


def test_the_smoke_tests_are_an_in_toto_statement_about_the_commit(site):
    out = site.place / "tests.json"
    site.run("readiness", "report", "-o", str(site.place / "report.md"), "--test-result", str(out))
    statement = json.loads(out.read_bytes())
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["subject"][0]["digest"] == {"gitCommit": site.commit}
    predicate = statement["predicate"]
    assert (predicate["result"], predicate["passedTests"], predicate["failedTests"]) == ("PASSED", ["good"], [])
    assert [one["name"] for one in predicate["configuration"]] == ["config/smoke/cases.yaml"]
    a_smoke_test_fails(site)
    site.run("readiness", "report", "-o", str(site.place / "report.md"), "--test-result", str(out), code=1)
    assert json.loads(out.read_bytes())["predicate"]["failedTests"] == ["good"]


def test_every_item_asks_something():
    assert all(one.asks.endswith("?") for one in ITEMS.values())


def test_the_ledger_is_the_one_that_the_pipeline_wrote(real):
    kinds = open_store(str(real.ledger)).view().names_in("kind")
    assert {"environment_recorded", "check_evaluated", "smoke_tested", "metric_measured"} <= kinds
