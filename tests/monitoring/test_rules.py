"""The rules, their tests, Alertmanager's part and the dashboard, held by the programs that read them."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ledger.baselines import relative_path, write
from ledger.report.monitoring.alerting import anchor_of
from ledger.report.monitoring.naming import FAMILIES
from ledger.report.monitoring.rules import ALERTS, RULE_FAILURES
from tests.monitoring.programs import checked, needed
from tests.monitoring.watched import PROFILE
from tests.report.answers import HOSTILE
from tests.report.test_hostile_names import visible
from tests.unit.baselines.made import baseline, entry

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
RULES, TESTS = "dagster-ledger.rules.yml", "dagster-ledger.rules.test.yml"
ALERTMANAGER, DASHBOARD = "dagster-ledger.alertmanager.yml", "dagster-ledger.dashboard.json"
POLICIES = {
    "as shipped": "",
    "no error band": "regression: {error_from: 2.5, critical_from: 2.5}\nalert_error_breach: 0.25\n",
    "an error at once": "alert_error_breach: 0.0\nregression: {error_from: 0.5}\n",
    "wide": "alert_critical_breach: 2.0\nregression: {limits: {time: 3.0, quality: 0.5}}\n",
    "fine": "regression: {limits: {time: 0.000123456}}\nalert_error_breach: 0.001\nalert_critical_breach: 0.0011\n",
    "bounds": "limits: {'*': {duration_s: {max: 60}, match_rate: {min: 0.5}}, orders: {duration_s: {max: 5},"
    " records_per_s: {min: 100}, calibration_error: {max: 0.1}}}\n",
    "times": "monitoring: {stale_after_s: 90.5, absent_for_s: 90.5, manifest_warning_s: 30.0,"
    " unverified_after_s: 7000000.0}\n",
    "names": yaml.safe_dump(
        {"limits": {name: {"duration_s": {"max": 1.0}} for name in HOSTILE.values() if name and "." not in name}},
    ),
}


def generated(project, base="", *words):
    """Return the directory of what is generated of a configuration."""
    path = project.project / "config" / "base.yaml"
    path.write_text(base)
    project.say("alerts", "generate", "-o", str(project.rules), *words, ledger=False)
    return project.rules


def alert_rules(place):
    document = yaml.safe_load((place / RULES).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_a_limit_is_written_in_one_place(project):
    first = generated(project)
    assert ">= 0.1 " in (first / RULES).read_text()
    assert "the limit is 10 %" in (first / RULES).read_text()
    project.say("alerts", "generate", "-o", str(first), "--check", ledger=False)
    (project.project / "config" / "base.yaml").write_text("regression: {limits: {time: 0.15}}\n")
    told = project.say("alerts", "generate", "-o", str(first), "--check", ledger=False, code=1)
    assert RULES in told
    second = generated(project, "regression: {limits: {time: 0.15}}\n")
    times = [rule for rule in alert_rules(second) if rule["alert"] == "DagsterLedgerTimeRegressed"]
    assert all(">= 0.15" in rule["expr"] for rule in times)
    assert [rule["labels"]["severity"] for rule in times] == ["warning", "error", "critical"]


def test_the_limit_of_a_baseline_file_holds_for_its_metric_alone(project):
    made = baseline(entry("duration_s", limit=0.3), asset="slow", profile="small")
    (project.project / "baselines" / "small").mkdir()
    (project.project / "baselines" / "small" / "slow.json").write_text(write(made))
    rules = [rule for rule in alert_rules(generated(project)) if rule["alert"] == "DagsterLedgerTimeRegressed"]
    own = '{asset="slow",metric="duration_s",profile="small"}'
    assert [f"regression_ratio{own}) >= 0.3" in rule["expr"] for rule in rules] == [False] * 3 + [True] * 3
    assert all(rule["expr"].endswith(f"regression_ratio{own})") for rule in rules[:3])


def test_every_alert_says_what_where_and_what_to_do(project):
    runbook = "https://wiki.example/ledger"
    rules = alert_rules(generated(project, f"monitoring: {{runbook_url: '{runbook}'}}\n"))
    assert {rule["alert"] for rule in rules} == set(ALERTS)
    for rule in rules:
        told = rule["annotations"]
        assert told["summary"]
        assert told["description"].endswith((".", "?"))
        assert told["runbook_url"] == f"{runbook}#{anchor_of(rule['alert'])}"
        names = set(re.findall(r"dagster_ledger_\w+|prometheus_\w+", rule["expr"]))
        assert names <= {*FAMILIES, RULE_FAILURES}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_section_of_the_runbook(alert):
    section = RUNBOOK.partition(f"\n## {alert}\n")[2].partition("\n## ")[0]
    assert "dagster-ledger " in section


def test_the_dashboard_names_metrics_that_there_are_and_no_asset(project):
    document = json.loads((generated(project) / DASHBOARD).read_text())
    text = json.dumps(document)
    assert set(re.findall(r"dagster_ledger_\w+", text)) <= set(FAMILIES)
    assert "loaded" not in text
    assert PROFILE not in text
    ids = [panel["id"] for panel in document["panels"]]
    assert sorted(set(ids)) == ids
    cells = {}
    for panel in document["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert cells.setdefault((x, y), panel["id"]) == panel["id"]


@pytest.mark.slow
@pytest.mark.parametrize("base", POLICIES.values(), ids=POLICIES)
def test_prometheus_and_alertmanager_take_what_is_generated_and_every_rule_fires_when_it_should(project, base):
    needed("promtool", "amtool")
    place = generated(project, base, "--webhook", "http://127.0.0.1:1/")
    assert "SUCCESS" in checked("promtool", "check", "rules", place / RULES)
    assert "SUCCESS" in checked("promtool", "test", "rules", place / TESTS)
    assert "SUCCESS" in checked("amtool", "check-config", place / ALERTMANAGER)
    tested = {test["name"] for test in yaml.safe_load((place / TESTS).read_text())["tests"]}
    of_rules = {
        f"{rule['alert']} {rule.get('labels', {}).get('severity', 'as the series says')}" for rule in alert_rules(place)
    }
    assert of_rules <= tested


NAMES = [name for name in HOSTILE.values() if name and "\ud800" not in name and len(name) < 200]
NAMES += ["{{ $labels.asset }}", '{{ "x" }}', "$pipeline", "a|b.*", "a\\", "{value}"]


@pytest.mark.slow
@pytest.mark.parametrize("names", [NAMES[start::3] for start in range(3)], ids=["some", "others", "the rest"])
def test_names_that_others_chose_are_data_in_every_file(names, project):
    needed("promtool", "amtool")
    for name in names:
        entries = sorted((("duration_s", 0.3), (name, 0.4)))
        made = baseline(*(entry(metric, limit=limit) for metric, limit in entries), asset=name, profile="small")
        path = project.project / "baselines" / relative_path(name, "small")
        path.parent.mkdir(exist_ok=True)
        path.write_text(write(made))
    declared = {
        name: {"unit": "s", "direction": "lower_is_better", "kind": "time", "description": name} for name in names
    }
    base = yaml.safe_dump({"metrics": {name: one for name, one in declared.items() if "." not in name}})
    place = generated(project, base, "--webhook", "http://127.0.0.1:1/{{x}}?a=b#c'\"")
    assert "SUCCESS" in checked("promtool", "check", "rules", place / RULES)
    assert "SUCCESS" in checked("promtool", "test", "rules", place / TESTS)
    assert "SUCCESS" in checked("amtool", "check-config", place / ALERTMANAGER)
    for path in place.iterdir():
        assert visible(path.read_text())
    json.loads((place / DASHBOARD).read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (">= 0.1 ", ">= 0.3 "),
        ("> 93600", "> 9360000"),
        ("without (job, instance, exported_job, exported_instance)", "without (exported_job)"),
        ("severity: critical", "severity: warning"),
        ("humanizeDuration", "humanize"),
    ],
)
def test_the_rules_own_tests_notice_a_rule_that_was_changed(project, was, becomes):
    needed("promtool")
    place = generated(project)
    text = (place / RULES).read_text()
    assert was in text
    (place / RULES).write_text(text.replace(was, becomes))
    with pytest.raises(AssertionError, match="FAILED"):
        checked("promtool", "test", "rules", place / TESTS)
