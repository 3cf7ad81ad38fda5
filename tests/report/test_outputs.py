"""What each format tells of a gate: what got worse, by how much, how sure that is, and what to do."""

import dataclasses
import io
import json
import xml.etree.ElementTree as ET

import pytest
from prometheus_client.openmetrics.parser import text_fd_to_metric_families

from ledger.report.ci import FORMATS, Place
from ledger.report.ci.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, marker
from ledger.report.ci.model import coverage
from ledger.report.gate import document
from ledger.stats import EnvironmentShift
from tests.report.answers import finding, realistic, report
from tests.report.reading import Page, commands, rendered

SHIFT = EnvironmentShift(source="assets", shift_ratio=0.2, agreement=1.0, assets=12, probe_ratio=None, confirmed=False,
                         exceeds_limit=True, sentence="12 of 12 assets are 20 % slower together")  # fmt: skip


def written(form, one):
    return FORMATS[form].write(one)


def test_coverage_counts_what_was_judged_and_why_the_rest_was_not():
    assert coverage(realistic()) == "judged 293 of 300; 4 other machine; 2 too few runs; 1 undecided"
    assert coverage(report(finding(), missing=("a recall",))) == "judged 1 of 1; 1 required but not measured"


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_answer_gives_the_same_bytes(form):
    assert written(form, realistic()) == written(form, realistic())


def test_a_comment_tells_the_worst_first_and_folds_what_is_well():
    text = written("comment", realistic())
    opened, _, folded = text.partition("<details>")
    page = Page(rendered(opened))
    assert page.rows[0] == ["", "asset and metric", "was → is", "change", "how sure"]
    assert page.rows[1] == [
        "🔴 worse\n(critical)",
        "enriched_companies\nduration_s",
        "10.05 s → 13.98 s",
        "+39.1 %",
        "+34.0 % … +44.4 %\n5 runs against 10",
    ]
    assert page.rows[2][3] == "-3.10 points"
    assert [row[0] for row in page.rows[3:]] == ["🟡 undecided"] * 3 + ["🟢 better"]
    assert "290 well" in folded
    assert "4 not comparable" in folded
    assert "asset_000" not in page.code


def test_a_comment_says_what_to_do_with_commands_that_can_be_pasted():
    page = Page(rendered(written("comment", realistic()).partition("<details>")[0]))
    assert "### " not in page.prose
    assert "Regression gate: FAIL. 2 metrics got worse" in page.prose
    chosen = "--job enrich --baseline ref:origin/main --commit HEAD"
    for line in (
        "dagster-ledger confirm --job enrich\n",
        f"dagster-ledger explain enriched_companies duration_s {chosen}\n",
        f"dagster-ledger explain name_matching match_rate {chosen}\n",
        'baseline propose --job enrich --asset name_matching --metric match_rate --reason "…" --loosen --write\n',
    ):
        assert line in page.code


def test_a_comment_is_found_again_by_its_first_line_and_each_job_has_its_own():
    first, second = (written("comment", report(finding(), job=job)).splitlines()[0] for job in ("enrich", "nightly"))
    assert first == written("comment", report(finding("regressed"), job="enrich")).splitlines()[0]
    assert first != second
    assert Page(rendered(first)).comments == [first.removeprefix("<!--").removesuffix("-->")]
    assert marker(report(finding(), job=None)).startswith("<!-- dagster-ledger gate ")


@pytest.mark.parametrize(
    ("form", "limit", "count"), [("comment", COMMENT_LIMIT, 1000), ("markdown", SUMMARY_LIMIT, 10_000)]
)
def test_what_does_not_fit_is_left_off_from_the_end_and_counted(form, limit, count):
    rows = [finding(asset=f"a/{number}" * 9) for number in range(count)]
    text = written(form, report(finding("regressed", asset="slow"), *rows))
    assert limit * 0.9 < len(text.encode()) <= limit
    page = Page(rendered(text))
    shown = sum(row[0] == "ok" for row in page.rows)
    assert f"{count - shown} rows of “{count} well” left off" in page.prose
    assert page.rows[1][1] == "slow\nduration_s"
    assert page.tags.count("details") == text.count("</details>")


def test_regressions_themselves_may_be_too_many_for_a_comment():
    rows = [finding("regressed", asset=f"{'slow' * 25}{number}") for number in range(2000)]
    text = written("comment", report(*rows))
    assert len(text.encode()) <= COMMENT_LIMIT
    assert "of “2000 changed or undecided” left off" in text
    assert "**What to do next**" in text


@pytest.mark.parametrize(
    ("findings", "more", "told"),
    [
        ((finding(),), {}, ("✅", "PASS. Nothing got worse")),
        ((finding(), finding("regressed", severity="warning")), {}, ("⚠️", "WARN. 1 metric got worse, which is only")),
        ((finding(), finding("inconclusive")), {}, ("⚠️", "WARN. Nothing got worse, but not everything")),
        (
            (finding(),),
            {"missing": ("a recall",)},
            ("❌", "FAIL. The gate does not", "a recall is required and missing"),
        ),
        ((finding("not_comparable"),), {}, ("❔", "INCONCLUSIVE. Nobody can say", "nothing could be judged")),
        ((finding(),), {"shift": SHIFT}, ("❔", "12 of 12 assets are 20 % slower together")),
        ((finding(),), {"undeclared": ("fizz",)}, ("✅", "Not judged, since nobody declares them: fizz")),
    ],
    ids=["pass", "warning", "undecided", "missing", "nothing judged", "shift", "undeclared"],
)
@pytest.mark.parametrize("form", ["comment", "markdown"])
def test_every_verdict_is_told_with_its_cause(form, findings, more, told):
    page = Page(rendered(written(form, report(*findings, **more))))
    assert [words for words in told if words not in page.prose] == []


def test_a_cause_that_is_no_regression_is_never_hidden():
    answered = report(finding("regressed"), finding())
    verdict = dataclasses.replace(
        answered.answer.verdict, causes=(*answered.answer.verdict.causes, "the limit of loaded was raised")
    )
    changed = dataclasses.replace(answered, answer=dataclasses.replace(answered.answer, verdict=verdict))
    for form in ("comment", "markdown", "github", "junit", "json"):
        assert "the limit of loaded was raised" in written(form, changed)


@pytest.mark.parametrize(
    ("state", "reasons", "command"),
    [
        ("inconclusive", ("too few runs for an interval",), "dagster-ledger run --job enrich --runs 5"),
        (
            "not_comparable",
            ("no baseline; propose one",),
            'dagster-ledger baseline propose --job enrich --reason "…" --write',
        ),
    ],
)
def test_what_has_no_answer_gets_the_command_that_brings_one(state, reasons, command):
    page = Page(rendered(written("comment", report(finding(state, reasons=reasons)))))
    assert f"{command}\n" in page.code


def test_annotations_stand_at_the_line_of_the_baseline_and_grade_what_they_tell():
    slow, undecided = finding("regressed"), finding("inconclusive", asset="b", required=True)
    one = report(slow, finding("regressed", asset="c", severity="warning"), undecided, finding("improved", asset="d"),
                 finding(asset="e"), missing=("f recall",),
                 places={slow.key: Place("baselines/small/loaded.json", 12)})  # fmt: skip
    found = commands(written("github", one))
    assert [(kind, properties["title"]) for kind, properties, _ in found] == [
        ("error", "Regression gate: FAIL"),
        ("error", "f recall is missing"),
        ("error", "loaded duration_s regressed"),
        ("warning", "c duration_s regressed"),
        ("warning", "b duration_s inconclusive"),
        ("notice", "d duration_s improved"),
    ]
    assert (found[2][1]["file"], found[2][1]["line"]) == ("baselines/small/loaded.json", "12")
    assert found[2][2].startswith("10.00 s → 13.90 s, +39.0 % (+34.0 % … +44.0 %); worse by at least the limit")
    assert found[2][2].endswith("dagster-ledger explain loaded duration_s --job enrich")


def test_no_more_annotations_than_github_shows_and_the_last_counts_the_rest():
    rows = [finding(state, asset=f"a{number}") for state in ("regressed", "not_comparable") for number in range(30)]
    found = commands(written("github", report(*rows)))
    kinds = [kind for kind, _, _ in found]
    assert (kinds.count("error"), kinds.count("notice")) == (10, 10)
    told = [message for _, _, message in found if message.startswith("and ")]
    assert told == ["and 22 more; the step summary has all", "and 21 more; the step summary has all"]


def test_junit_fails_what_regressed_and_skips_what_has_no_answer():
    root = ET.fromstring(written("junit", realistic()))  # noqa: S314 - written by ourselves
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "301",
        "3",
        "0",
        "7",
    )
    failed = {
        (case.get("classname"), case.get("name")): case.find("failure")
        for case in suite.findall("testcase")
        if case.find("failure") is not None
    }
    assert set(failed) == {
        ("dagster-ledger", "verdict"),
        ("enriched_companies", "duration_s"),
        ("name_matching", "match_rate"),
    }
    slow = failed["enriched_companies", "duration_s"]
    assert slow.get("type") == "critical"
    assert "10.05 s → 13.98 s, +39.1 % (+34.0 % … +44.4 %)" in slow.get("message")
    assert "adjusted p is 2e-06" in slow.text


def test_a_gate_that_could_not_decide_is_no_passed_test():
    (suite,) = ET.fromstring(written("junit", report(finding("not_comparable"))))  # noqa: S314 - written by ourselves
    assert suite.get("errors") == "1"
    assert suite.find("testcase/error").get("type") == "INCONCLUSIVE"


def test_sarif_has_a_result_for_what_regressed_and_what_a_pass_needs():
    slow = finding("regressed", severity="warning")
    one = report(slow, finding("inconclusive", asset="b", required=True), finding("inconclusive", asset="c"),
                 missing=("d recall",), places={slow.key: Place("baselines/a b/loaded.json", 12)})  # fmt: skip
    (run,) = json.loads(written("sarif", one))["runs"]
    told = [(result["ruleId"], result["level"]) for result in run["results"]]
    assert told == [("DL1001", "warning"), ("DL2001", "error"), ("DL2002", "warning")]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "baselines/a%20b/loaded.json"
    assert place["region"]["startLine"] == 12
    assert run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "config/base.yaml"


def test_an_alert_stays_the_same_while_values_and_files_change():
    def prints(one):
        return [result["partialFingerprints"] for result in json.loads(written("sarif", one))["runs"][0]["results"]]

    before, after = finding("regressed"), finding("regressed", candidate_value=17.0, estimate=0.7, severity="error")
    assert prints(report(before)) == prints(report(after, places={after.key: Place("baselines/new/loaded.json", 3)}))
    assert prints(report(before)) != prints(report(finding("regressed", partition="2026-11-01")))


def test_a_gate_that_could_not_decide_leaves_no_empty_run_of_code_scanning():
    (run,) = json.loads(written("sarif", report(finding("not_comparable"))))["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["DL2003"]
    assert (
        json.loads(written("gitlab", report(finding("not_comparable"))))[0]["check_name"]
        == "dagster-ledger/inconclusive"
    )


def test_gitlab_is_told_what_got_worse_and_how_grave_it_is():
    issues = json.loads(written("gitlab", realistic()))
    assert [issue["severity"] for issue in issues] == ["critical", "major"]
    assert issues[0]["description"].startswith("enriched_companies duration_s got worse: 10.05 s → 13.98 s")
    assert json.loads(written("gitlab", report(finding()))) == []


def test_metrics_are_the_judged_values():
    text = written("metrics", report(finding("regressed"), finding(asset="b", partition="p")))
    families = {family.name: family.samples for family in text_fd_to_metric_families(io.StringIO(text))}
    outcome = {
        sample.labels["dagster_ledger_gate_outcome"]: sample.value for sample in families["dagster_ledger_gate_outcome"]
    }
    assert outcome == {"PASS": 0.0, "WARN": 0.0, "FAIL": 1.0, "INCONCLUSIVE": 0.0}
    values = {sample.labels["asset"]: sample.value for sample in families["dagster_ledger_candidate_value"]}
    assert values == {"loaded": pytest.approx(13.9), "b": pytest.approx(10.03)}
    assert [sample.labels.get("partition") for sample in families["dagster_ledger_baseline_value"]] == ["p", None]
    counts = {sample.labels["state"]: sample.value for sample in families["dagster_ledger_gate_findings"]}
    assert counts == {"regressed": 1.0, "ok": 1.0, "improved": 0.0, "inconclusive": 0.0, "not_comparable": 0.0}


def test_a_number_that_is_none_is_not_told_as_one():
    strange = finding("inconclusive", estimate=float("inf"), candidate_value=float("nan"), interval=None)
    one = report(strange)
    text = written("metrics", one)
    assert "inf" not in text.lower().replace("information", "")
    assert "nan" not in text.lower()
    json.loads(written("json", one), parse_constant=pytest.fail)
    json.loads(written("sarif", report(finding("regressed", estimate=float("inf")))), parse_constant=pytest.fail)


def test_the_document_is_that_of_the_format_option():
    one = realistic()
    assert json.loads(written("json", one)) == json.loads(json.dumps(document(one.answer)))
