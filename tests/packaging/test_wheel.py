"""What `pip install` brings: two packages and a command, and nothing that other projects call theirs."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The directory with wheel and source distribution, built from this tree."""
    place = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--sdist", "--outdir", str(place), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_the_wheel_has_exactly_two_packages(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"ledger", "ledger_cli"}
    assert {"ledger/py.typed", "ledger_cli/py.typed", "ledger/service/project/templates/base.yaml"} <= set(names)
    page = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ledger" / "report" / "html").rglob("*.*")}
    assert {name for name in page if "__pycache__" not in name} <= set(names)
    assert "ledger/report/html/vendor/uplot/LICENSE" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_wheel_starts_without_this_tree(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(command, check=True, capture_output=True)
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r}); import ledger_cli.main as m; import ledger;"
        f" assert ledger.__file__.startswith({str(target)!r}); sys.exit(m.main(['--version']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("dagster-ledger, version ")
    assert (target / "bin" / "dagster-ledger").is_file()
    as_module = subprocess.run(
        [sys.executable, "-m", "ledger_cli", "--version"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(target)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert as_module.stdout == done.stdout


def test_the_source_distribution_has_the_pipeline_its_data_and_the_lock(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"assets/definitions.py", "assets/data/provenance.json", "config/base.yaml", "Makefile"} <= names
    assert {".ci/requirements.lock", "README.md", "LICENSE", "CHANGELOG.md"} <= names


def built_from(source, place, **environment):
    """Build wheel and source distribution of a directory, and return their bytes by name."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--sdist",
        "--outdir",
        str(place),
        str(source),
    ]
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of this repository, one commit deep and without tags, with what is not committed yet in a commit."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git, and a clone rather than a source distribution")
    place = tmp_path_factory.mktemp("clone") / "tree"
    place.mkdir()
    named = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, named):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "one")
    return place


def git(place, *words):
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "-C", str(place), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def version_of(built):
    (wheel,) = (name for name in built if name.endswith(".whl"))
    return wheel.split("-")[1]


@pytest.mark.slow
def test_the_version_is_that_of_the_tag_and_the_same_commit_gives_the_same_bytes(clone, tmp_path):
    assert re.fullmatch(r"0\.1(\.0)?\.dev\d+", version_of(built_from(clone, tmp_path / "untagged")))
    git(clone, "tag", "v7.8.9")
    first = built_from(clone, tmp_path / "first", SOURCE_DATE_EPOCH="1700000000")
    assert version_of(first) == "7.8.9"
    for path in clone.rglob("*.py"):
        os.utime(path, (1, 1))
    assert built_from(clone, tmp_path / "second", SOURCE_DATE_EPOCH="1700000000") == first
    git(clone, "commit", "-q", "--allow-empty", "-m", "two")
    assert re.fullmatch(r"7\.8\.10\.dev1", version_of(built_from(clone, tmp_path / "later")))
    git(clone, "tag", "v7.9.0")


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel_and_a_bare_copy_builds_too(clone, tmp_path):
    made = built_from(clone, tmp_path / "made", SOURCE_DATE_EPOCH="1700000000")
    (archive,) = (name for name in made if name.endswith(".tar.gz"))
    with tarfile.open(tmp_path / "made" / archive) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = built_from(source, tmp_path / "again", SOURCE_DATE_EPOCH="1700000000")
    (wheel,) = (name for name in made if name.endswith(".whl"))
    assert again[wheel] == made[wheel]
    (source / "PKG-INFO").unlink()  # As in an archive of the repository that somebody downloaded.
    assert version_of(built_from(source, tmp_path / "bare")) == "0.1.0.dev0"


def test_the_lock_has_hashes_and_names_no_host():
    text = (ROOT / ".ci" / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index-url" not in text
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in line for line in pinned)
