"""A refused readiness on the page: the blockers, remedies and evidence of the real checklist, and nothing else."""

import json

from tests.report.test_page import data_of


def test_the_page_names_what_blocks_with_the_evidence_of_the_checklist(site):
    site.alert("run-024")
    document = json.loads(site.run("readiness", "report", "--format", "json", code=1))
    site.run("report", "-o", str(site.place / "report.html"), "--title", "the site")
    data = data_of((site.place / "report.html").read_text())
    told = data["readiness"]
    assert (told["ready"], told["commit"]) == (False, site.commit)
    assert [one["name"] for one in told["items"] if one["critical"] and not one["holds"]] == document["blockers"]
    assert {one["name"]: (one["sentence"], one["remedy"], one["evidence"]) for one in told["items"]} == {
        one["name"]: (one["sentence"], one["remedy"], one["evidence"]) for one in document["items"]
    }
    assert [section["title"] for section in told["sections"]][:2] == ["Smoke tests", "Quality"]
    (gate,) = data["gates"]
    assert gate["outcome"] == "PASS"
    assert all(one["accepted"] is not None for one in data["charts"] if one["finding"])
    site.run("report", "--format", "markdown", "-o", str(site.place / "report.md"))
    assert "| no_blocking_alerts | BLOCKS | yes |" in (site.place / "report.md").read_text()
