"""Scenarios: ready for production."""

import json
import re

import pytest
import yaml

from tests.readiness.site import approved, made, said

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]


@pytest.fixture
def site(tmp_path):
    """A project that may be deployed once its manifest is signed."""
    return made(tmp_path / "site")


def blockers(site, code: int) -> list[str]:
    found = said(site.project, "readiness", "check", "--format", "json", "--ledger", str(site.ledger))
    assert found[0] == code, found
    return json.loads(found[1])["blockers"]


def is_deployed(site, manifest) -> bool:
    """Return whether a deployment goes on behind the guard."""
    trace = site.place / "deployed"
    trace.unlink(missing_ok=True)
    site.program("readiness", "guard", "--manifest", str(manifest), "--", "touch", str(trace))
    return trace.exists()


def test_deployment_is_blocked_until_every_critical_item_holds(site, evidence):
    unsigned = site.place / "manifest.json"
    site.run("manifest", "build", "-o", str(unsigned))
    assert not is_deployed(site, unsigned)
    assert blockers(site, 0) == []
    manifest = approved(site)
    assert is_deployed(site, manifest)
    site.smoke(site.commit, status="failed", cases=("empty",), hours=41.0)
    assert blockers(site, 1) == ["smoke_tests"]
    assert not is_deployed(site, manifest)
    site.checked("run-024", 0.5, hours=43.0)
    assert set(blockers(site, 1)) >= {"smoke_tests", "quality_gates"}
    for path in (site.project / "baselines").rglob("*.json"):
        path.unlink()
    site.commit_all("no baselines")
    site.publish()
    assert "baselines" in blockers(site, 1)
    evidence("not signed: blocked; signed: deployed; a failed smoke test, a closed gate, no baseline: blocked, by name")


def test_the_report_documents_the_validation(site, evidence):
    site.alert("run-024", severity="warning")
    text = site.run("readiness", "report")
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("## ")]
    assert set(headings) >= {"Smoke tests", "Quality", "Performance", "Baselines", "Alerts"}
    assert re.search(r"known\S+good", text)
    assert "it is bad" in text
    evidence(f"sections {', '.join(headings)}")


def test_metrics_and_alerts_reach_the_monitoring(good, tmp_path, evidence):
    done = good.program("metrics", "export", "--textfile", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*.prom")
    text = file.read_text()
    for name in (
        "asset_duration_seconds",
        "asset_peak_memory_bytes",
        "quality_ratio",
        "last_success_timestamp_seconds",
    ):
        assert f"dagster_ledger_{name}" in text
    assert 'asset="enriched_companies"' in text
    done = good.program("alerts", "generate", "--output", str(tmp_path / "rules"))
    assert done.returncode == 0, done.stderr
    rules = "".join(path.read_text() for path in (tmp_path / "rules").rglob("*") if path.suffix in {".yml", ".yaml"})
    assert "regression" in rules.lower()
    assert "severity: critical" in rules
    files = [yaml.safe_load(path.read_text()) for path in (tmp_path / "rules").rglob("*.y*ml")]
    groups = {group["name"]: group["rules"] for file in files for group in file.get("groups", ())}
    severities = {rule["labels"]["severity"] for rule in groups["dagster-ledger-regressions"]}
    assert severities == {"warning", "error", "critical"}
    evidence("metrics of the last run as a textfile; Prometheus rules from the same settings")
