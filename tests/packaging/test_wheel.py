"""What `pip install` brings: two packages and a command, and nothing that other projects call theirs."""

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
    assert "ledger/py.typed" in names
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


def test_the_source_distribution_has_the_pipeline_its_data_and_the_lock(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"assets/definitions.py", "assets/data/provenance.json", "config/base.yaml", "Makefile"} <= names
    assert {".ci/requirements.lock", "README.md", "LICENSE", "CHANGELOG.md"} <= names


def test_the_lock_has_hashes_and_names_no_host():
    text = (ROOT / ".ci" / "requirements.lock").read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index-url" not in text
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in line for line in pinned)
