"""``init`` prepares a project, changes nothing that is there, and takes away what it wrote."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ledger.settings import parse_yaml, resolve
from ledger_cli.main import main

BIN = Path(sys.executable).parent
HOSTILE = 'a "b" ${{ x }} $HOME\n::error::'


def git(place, *words):
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "-C", str(place), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def contents(place: Path) -> dict[str, str]:
    """Return the digest of every file outside of ``.git``, and of git's own settings."""
    files = [path for path in place.rglob("*") if path.is_file() and ".git" not in path.relative_to(place).parts]
    files.append(place / ".git" / "config")
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is committed: code, and lines of its own in the files that others write too."""
    place = tmp_path / "project"
    (place / "shop").mkdir(parents=True)
    (place / "shop" / "definitions.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    (place / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "shop"\n')
    (place / ".gitignore").write_bytes(b"__pycache__/\n.ledger")  # Without an end of its last line.
    (place / ".gitattributes").write_bytes(b"*.png binary\r\n")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def init(capsys):
    def run(*words):
        code = main(["init", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("ci", ["github", "gitlab", "none"])
def test_what_init_writes_init_takes_away(project, init, ci):
    before = contents(project)
    assert init("--ci", ci)[0] == 0
    written = contents(project)
    assert before.items() - written.items() == {
        (name, digest) for name, digest in before.items() if name.endswith((".gitignore", ".gitattributes", "config"))
    }
    _, again, _ = init("--ci", ci)
    assert contents(project) == written
    assert "added" not in again
    code, removed, _ = init("--remove")
    assert (code, "LEFT" in removed) == (0, False)
    assert contents(project) == before
    assert git(project, "status", "--porcelain", "--ignored") == ""
    assert not (project / "config").exists()


def test_a_rehearsal_tells_the_same_and_changes_nothing(project, init):
    before = contents(project)
    _, told, _ = init("--ci", "github", "--dry-run")
    assert contents(project) == before
    _, done, _ = init("--ci", "github")
    assert told.partition("nothing was changed")[0].splitlines() == done.partition("\nnext")[0].splitlines()
    written = contents(project)
    _, told, _ = init("--remove", "--dry-run")
    assert contents(project) == written
    assert told.partition("nothing was changed")[0] == init("--remove")[1].partition("take track")[0]


def test_a_line_that_says_the_same_is_not_written_again(project, init):
    _, out, _ = init()
    assert "there   .gitignore: /.ledger/" in out
    assert (project / ".gitignore").read_text().count(".ledger") == 1
    (project / ".ledger").mkdir()
    (project / ".ledger" / "file").write_text("x")
    assert git(project, "status", "--porcelain", "--", ".ledger") == ""


def test_what_somebody_changed_stays_and_is_named(project, init):
    init("--ci", "github")
    (project / "config" / "base.yaml").write_text("chunk_size: 5\n")
    (project / "baselines" / "machine").mkdir()
    (project / "baselines" / "machine" / "a.json").write_text("{}")
    (project / ".ledger").mkdir()
    (project / ".ledger" / "FORMAT").write_text("a ledger")
    lines = (project / ".gitignore").read_text()
    (project / ".gitignore").write_text(lines + "mine/\n")
    git(project, "config", "diff.dagster-baseline.cachetextconv", "true")
    _, out, _ = init("--remove")
    left = [line for line in out.splitlines() if line.startswith("LEFT")]
    assert [line.split()[1] for line in left] == ["git", "config/base.yaml", "baselines", ".ledger"]
    assert (project / "config" / "base.yaml").read_text() == "chunk_size: 5\n"
    assert (project / "baselines" / "machine" / "a.json").exists()
    assert (project / ".gitignore").read_text() == "__pycache__/\n.ledger\nmine/\n"


def test_a_configuration_of_somebody_else_is_left_and_told(project, init):
    (project / "config").mkdir()
    (project / "config" / "base.yaml").write_text("database: {host: localhost}\n")
    code, out, _ = init()
    assert code == 0
    assert "LEFT    config/base.yaml (it is not a configuration of dagster-ledger" in out
    assert "DAGSTER_LEDGER_CONFIG" in out
    assert init("--remove")[1].count("config/base.yaml") == 1
    assert (project / "config" / "base.yaml").read_text() == "database: {host: localhost}\n"


def test_what_is_written_is_valid_and_the_next_command_is_told(project, init):
    _, out, _ = init("--ci", "github")
    settings = resolve([parse_yaml((project / "config" / "base.yaml").read_text(), "base.yaml")], {}, {}).settings
    assert settings.on_ledger_error == "warn"
    assert "track all assets in shop.definitions" in out
    assert "  2. dagster-ledger run\n" in out
    (project / "pyproject.toml").unlink()
    assert "  2. dagster-ledger run -m MODULE\n" in init()[1]


@pytest.mark.parametrize("below", [".", "data/pipeline $HOME", 'a "b" c'])
def test_files_of_continuous_integration_are_valid_wherever_the_project_lies(tmp_path, monkeypatch, init, below):
    place = tmp_path / "repository" / below
    place.mkdir(parents=True)
    git(tmp_path / "repository", "init", "-q")
    monkeypatch.chdir(place)
    init("--ci", "github")
    init("--ci", "gitlab")
    workflow, job = (tmp_path / "repository" / name for name in (
        ".github/workflows/dagster-ledger.yml", ".gitlab/dagster-ledger.yml",
    ))  # fmt: skip
    for schema, path in (("vendor.github-workflows", workflow), ("vendor.gitlab-ci", job)):
        words = [BIN / "check-jsonschema", "--builtin-schema", schema, path]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    read = yaml.safe_load(workflow.read_text())["jobs"]["gate"]
    assert read["defaults"]["run"]["working-directory"] == below
    assert yaml.safe_load(job.read_text())["dagster-ledger"]["variables"]["PROJECT_DIRECTORY"] == below.replace(
        "$", "$$"
    )
    words = [BIN / "zizmor", "--offline", "--persona", "pedantic", "--no-progress", workflow]
    audited = subprocess.run(words, capture_output=True, text=True, check=False)
    assert audited.returncode == 0, audited.stdout
    assert init("--remove")[0] == 0
    assert not workflow.exists()
    assert not job.exists()


def test_a_directory_that_would_be_an_expression_is_refused(tmp_path, monkeypatch, init):
    place = tmp_path / HOSTILE.partition("\n")[0]
    place.mkdir()
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(place)
    code, _, errors = init("--ci", "github")
    assert code == 2
    assert "would be an expression of GitHub Actions" in errors


def test_outside_of_a_repository_the_files_are_written_all_the_same(tmp_path, monkeypatch, init):
    monkeypatch.chdir(tmp_path)
    code, out, _ = init()
    assert code == 0
    assert "git config" not in out
    assert (tmp_path / "config" / "base.yaml").exists()
    init("--remove")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_may_not_be_written_is_one_sentence(project, init):
    (project / "config").write_text("a file where a directory has to be")
    code, _, errors = init()
    assert code == 5
    assert len(errors.splitlines()) == 1
    assert "cannot prepare" in errors


def test_contradictions_are_told(init, project):
    code, _, errors = init("--remove", "--git")
    assert code == 2
    assert "--remove takes away all that init wrote" in errors
