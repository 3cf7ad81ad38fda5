"""From a run to the webhook: what goes wrong is told under its name, and what is well again is resolved.

Prometheus, Alertmanager, node-exporter and the Pushgateway are the real ones. Every asset arrives by two paths at once.
"""

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.monitoring.programs import (
    Prometheus,
    Webhook,
    alertmanager,
    checked,
    fetched,
    free_port,
    metrics_server,
    needed,
    prometheus,
    running,
    until,
)
from tests.monitoring.test_serving import damage
from tests.monitoring.watched import JOB, Watched, good, worse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("monitoring")]

FAST = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
RULES = "dagster-ledger.rules.yml"


@dataclass
class Stack:
    """Everything that runs."""

    watched: Watched
    webhook: Webhook
    prometheus: Prometheus
    place: Path
    port: int

    def server(self):
        log = self.place / "serve.log"
        return metrics_server(self.watched.project, self.watched.ledger, log, self.port, "--verify-every", "0.5s")

    def export(self, code: int = 0) -> None:
        self.watched.say("metrics", "export", "--textfile", str(self.place / "textfile"), code=code)

    def run(self, values=None, **more) -> None:
        """Record a run, as both paths see it."""
        self.watched.run(values or good(), **more)
        self.export()

    def evaluate(self, times: int = 4) -> None:
        """Wait until rules were evaluated so often again."""
        before = self.prometheus.evaluated()
        until(lambda: self.prometheus.evaluated() >= before + times, "rules are evaluated")

    def expect(self, alert: str, **labels: str) -> dict:
        """Wait until the webhook was told of an alert that began; return what it was told."""
        return until(lambda: self.webhook.alerts("firing", alert, **labels), f"{alert} {labels} fires")[-1]

    def well_again(self) -> None:
        """Wait until everything that was told was told to be over, then begin anew."""

        def over() -> bool:
            firing = {tuple(sorted(one["labels"].items())) for one in self.webhook.told if one["status"] == "firing"}
            done = {tuple(sorted(one["labels"].items())) for one in self.webhook.told if one["status"] == "resolved"}
            return firing <= done and not self.prometheus.alerts()

        until(over, f"all is well again: {self.prometheus.alerts()}")
        self.webhook.told.clear()


@pytest.fixture(scope="module")
def stack(calm, tmp_path_factory):
    needed("prometheus", "promtool", "prometheus-alertmanager", "prometheus-node-exporter")
    place = tmp_path_factory.mktemp("live")
    shutil.copytree(calm.place, place / "watched")
    watched, webhook = Watched(place / "watched", calm.made), Webhook()
    watched.say("alerts", "generate", "-o", str(place), "--webhook", webhook.url, ledger=False)
    config = yaml.safe_load((place / "dagster-ledger.alertmanager.yml").read_text())
    config["route"] |= {"group_wait": "100ms", "group_interval": "500ms"}
    (place / "alertmanager.yml").write_text(yaml.safe_dump(config))
    (place / "textfile").mkdir()
    served, node, own = free_port(), free_port(), free_port()
    exporter = [
        "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
        f"--collector.textfile.directory={place / 'textfile'}", f"--web.listen-address=127.0.0.1:{node}",
    ]  # fmt: skip
    with ExitStack() as closing:
        closing.callback(webhook.close)
        closing.enter_context(running(exporter, f"http://127.0.0.1:{node}/metrics", place / "node.log"))
        told = closing.enter_context(alertmanager(place / "alertmanager", place / "alertmanager.yml"))
        jobs = {"dagster-ledger": served, "node": node, "prometheus": own}
        setting = {
            "global": FAST,
            "rule_files": [str(place / RULES)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [told]}]}]},
            "scrape_configs": [
                {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for name, port in jobs.items()
            ],
        }
        asked = closing.enter_context(prometheus(place / "prometheus", setting, port=own))
        yield Stack(watched, webhook, asked, place, served)


def test_from_a_run_to_the_webhook_and_back(stack):
    with stack.server():
        stack.run()
        until(lambda: len(stack.prometheus.ask("dagster_ledger_integrity_ok == 1")) == 2, "both paths are scraped")
        until(lambda: not stack.prometheus.alerts(), "nothing is told of a good run")
        stack.webhook.told.clear()
        stack.evaluate()
        assert (stack.prometheus.alerts(), stack.webhook.told) == ([], [])
        every_expression_of_the_dashboard_is_answered(stack)
        what_a_run_does_is_told(stack)
        what_happens_to_the_ledger_is_told(stack)
    it_is_told_that_nothing_is_told(stack)


def what_a_run_does_is_told(stack):
    stack.run(worse("loaded", duration_s=1.5))
    told = stack.expect("DagsterLedgerTimeRegressed", asset="loaded", metric="duration_s", pipeline=JOB)
    assert told["labels"]["severity"] == "critical"
    assert "is worse by" in told["annotations"]["summary"]
    assert told["annotations"]["runbook_url"].endswith("#dagsterledgertimeregressed")
    stack.run(worse("loaded", duration_s=1.16))
    stack.expect("DagsterLedgerTimeRegressed", asset="loaded", metric="duration_s", severity="error")
    stack.run()
    stack.well_again()
    stack.run(worse("matched", peak_increase_bytes=1.6))
    stack.expect("DagsterLedgerMemoryRegressed", asset="matched", metric="peak_increase_bytes", severity="critical")
    stack.run()
    stack.well_again()
    stack.run(worse("matched", match_rate=0.6))
    stack.expect("DagsterLedgerQualityLow", asset="matched", metric="match_rate", severity="error")
    stack.expect("DagsterLedgerQualityRegressed", asset="matched", metric="match_rate", severity="critical")
    stack.expect("DagsterLedgerCheckFailed", asset="matched", check="match_rate_gate", severity="error")
    stack.run()
    stack.well_again()
    stack.run(job="weekly", age=timedelta(days=30))
    told = stack.expect("DagsterLedgerStale", pipeline="weekly", severity="error")
    assert "has made nothing for 29d 23h" in told["annotations"]["summary"]
    assert not stack.webhook.alerts("firing", "DagsterLedgerStale", pipeline=JOB)
    stack.run(job="weekly")
    stack.well_again()


def what_happens_to_the_ledger_is_told(stack):
    stack.watched.approved("soon", timedelta(hours=1))
    stack.export()
    stack.expect("DagsterLedgerManifestExpiring", environment="prod", severity="warning")
    stack.watched.approved("later", timedelta(days=30))
    stack.export()
    stack.well_again()
    path, data = damage(stack.watched)
    stack.expect("DagsterLedgerIntegrityBroken", severity="critical")
    path.write_bytes(data)
    stack.well_again()


def it_is_told_that_nothing_is_told(stack):
    (stack.place / "textfile" / "dagster_ledger.prom").unlink()
    stack.expect("DagsterLedgerAbsent", severity="critical")
    with stack.server():
        until(lambda: stack.webhook.alerts("resolved", "DagsterLedgerAbsent"), "metrics are back")


def every_expression_of_the_dashboard_is_answered(stack):
    document = json.loads((stack.place / "dagster-ledger.dashboard.json").read_text())
    shown = [(panel["title"], target["expr"]) for panel in document["panels"] for target in panel["targets"]]
    assert len(shown) >= 20
    for title, expr in shown:
        answer = stack.prometheus.ask(expr.replace("$pipeline", ".*").replace("$asset", ".*"))
        may_be_empty = {"Assets whose newest attempt failed", "Not held against a baseline", "Deployment ready",
                        "Manifest expires in", "Worse than accepted: rate", "Worse than accepted: count"}  # fmt: skip
        assert answer or title in may_be_empty, (title, expr)


def test_the_pushgateway_keeps_our_labels(stack, tmp_path):
    needed("prometheus-pushgateway")
    address = f"127.0.0.1:{free_port()}"
    words = ["prometheus-pushgateway", f"--web.listen-address={address}"]
    job = {"job_name": "pushgateway", "honor_labels": True, "static_configs": [{"targets": [address]}]}
    pushed = stack.watched.say("metrics", "export")
    with running(words, f"http://{address}/-/ready", tmp_path / "log"):
        assert fetched(f"http://{address}/metrics/job/dagster_ledger", data=pushed.encode())[0] == 200
        with prometheus(tmp_path / "prometheus", {"global": FAST, "scrape_configs": [job]}) as asked:
            found = until(lambda: asked.ask('dagster_ledger_asset_ok{job="dagster_ledger"}'), "it is scraped")
    assert {one["metric"]["pipeline"] for one in found} >= {JOB}
    assert not any(name.startswith("exported_") for one in found for name in one["metric"])
    assert "SUCCESS" in checked("promtool", "check", "rules", stack.place / RULES)
