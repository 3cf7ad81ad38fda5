"""Every format, held against what its reader accepts: a schema, a strict parser, or the reader's own code."""

import io
import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import xmlschema
from prometheus_client.openmetrics.parser import text_fd_to_metric_families

from ledger.report.ci import FORMATS
from ledger.report.ci.github import command
from ledger.report.ci.gitlab import SEVERITIES
from tests.ci.conftest import MODULES
from tests.report.answers import HOSTILE, every_state, finding, realistic, report

JENKINS = xmlschema.XMLSchema(Path(__file__).parent / "data" / "junit-10.xsd")
MULTITOOL = MODULES / "@microsoft" / "sarif-multitool-linux" / "Sarif.Multitool"
REPORTS = {
    "realistic": realistic(),
    "clean": report(finding()),
    "nothing judged": report(finding("not_comparable")),
    "nothing at all": report(),
    **{f"hostile: {name}": every_state(HOSTILE[name]) for name in HOSTILE},
}


@pytest.fixture(params=REPORTS)
def told(request):
    return REPORTS[request.param]


def test_jenkins_accepts_the_test_results(told):
    JENKINS.validate(FORMATS["junit"].write(told))


@pytest.mark.parametrize(
    ("right", "wrong"), [("<testcase ", "<test "), (' tests="', ' total="'), ("<failure", "<fault")], ids=str
)
def test_what_jenkins_does_not_know_is_refused(right, wrong):
    text = (
        re.sub(f"(</?){right[1:]}", rf"\1{wrong[1:]}", FORMATS["junit"].write(realistic())) if right[0] == "<" else None
    )
    with pytest.raises((xmlschema.XMLSchemaException, SyntaxError)):
        JENKINS.validate(text or FORMATS["junit"].write(realistic()).replace(right, wrong))


def test_the_document_keeps_to_its_schema(told):
    schema = json.loads((files("ledger.report") / "gate.schema.json").read_text())
    text = FORMATS["json"].write(told).encode("utf-8", "backslashreplace")
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))


def test_code_quality_has_the_fields_that_gitlab_reads(told):
    issues = json.loads(FORMATS["gitlab"].write(told))
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in SEVERITIES
        assert re.fullmatch("[0-9a-f]{64}", issue["fingerprint"])
        assert not issue["location"]["path"].startswith(("./", "/"))
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


def test_a_strict_parser_takes_the_metrics(told):
    families = list(text_fd_to_metric_families(io.StringIO(FORMATS["metrics"].write(told))))
    assert [family.type for family in families] == ["stateset", "gauge", "gauge", "gauge", "gauge"]


@pytest.mark.slow
def test_commands_are_byte_for_byte_those_of_the_actions_toolkit(node):
    texts = [*HOSTILE.values(), "", "a:b,c%d\r\ne", "%25%3A", "ünï → 日本"]
    asked = [
        (kind, {"title": title, "file": title, "line": "7"}, message)
        for kind in ("error", "warning", "notice")
        for title in texts
        for message in texts
        if "\ud800" not in title + message
    ]
    script = f"""
        import {{ issueCommand }} from {json.dumps(str(MODULES / "@actions/core/lib/command.js"))};
        import {{ readFileSync }} from "node:fs";
        for (const one of JSON.parse(readFileSync(0, "utf8"))) issueCommand(...one);
    """
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], input=json.dumps(asked).encode(), capture_output=True, check=True
    )
    assert done.stdout == "".join(f"{command(*one)}\n" for one in asked).encode()
    assert len(asked) > 1000


@pytest.fixture
def validated(node, tmp_path):
    """Return what the validator says of SARIF texts: rule, level and message of each of its findings."""
    if not MULTITOOL.is_file():
        pytest.skip("needs the SARIF validator from npm, which there is for this platform not")

    def validate(texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.sarif").write_text(text, encoding="utf-8")
        output = tmp_path / "said" / "validation.sarif"
        output.parent.mkdir()
        words = [MULTITOOL, "validate", *sorted(tmp_path.glob("*.sarif")), "--rule-kind", "Sarif;Ghas",
                 "--level", "Error;Warning", "--log", "ForceOverwrite", "--output", output]  # fmt: skip
        environment = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
        subprocess.run(words, env=environment, capture_output=True, check=False, timeout=200)
        (run,) = json.loads(output.read_text(encoding="utf-8-sig"))["runs"]
        return {(one["ruleId"].partition("/")[0], one.get("level", "warning")) for one in run["results"]}

    return validate


@pytest.mark.slow
def test_the_validator_of_code_scanning_accepts_the_results(validated):
    texts = {re.sub(r"\W+", "-", name): FORMATS["sarif"].write(one) for name, one in REPORTS.items()}
    # SARIF2005 asks for the address of a home page, which this project does not have.
    assert validated(texts) <= {("SARIF2005", "warning")}


@pytest.mark.slow
def test_the_validator_refuses_results_that_code_scanning_could_not_show(validated):
    log = json.loads(FORMATS["sarif"].write(realistic()))
    log["runs"][0]["results"][0]["locations"] = []
    log["runs"][0]["results"][1]["message"] = {"markdown": "no text"}
    assert {level for _, level in validated({"wrong": json.dumps(log)})} >= {"error"}
