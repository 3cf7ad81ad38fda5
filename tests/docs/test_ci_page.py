"""docs/ci.md tells every format and every input of the action, as the code has them; its example is valid."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ledger.report.ci import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / ".github" / "actions" / "gate" / "action.yml").read_text())


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_told_as_the_code_has_it(name):
    assert f"| `{name}` | {FORMATS[name].purpose} |" in PAGE


def test_the_page_tells_every_input_and_output_of_the_action_and_no_other():
    table = PAGE.partition("| input | default | |")[2].partition("Its outputs")[0]
    told = re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)
    assert told == list(ACTION["inputs"])
    assert all(f"`{name}`" in PAGE for name in ACTION["outputs"])


def test_the_job_of_the_page_is_a_valid_workflow(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "ci.yml").write_text(f"on: pull_request\n{text}")
    checker = Path(sys.executable).parent / "check-jsonschema"
    words = [checker, "--builtin-schema", "vendor.github-workflows", tmp_path / "ci.yml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (step,) = [one for one in yaml.safe_load(text)["jobs"]["gate"]["steps"] if one.get("uses", "").startswith("./")]
    assert set(step["with"]) <= set(ACTION["inputs"])
