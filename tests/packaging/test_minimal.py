"""The least that can be installed works: no web server, no object stores, nothing that only development needs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIPELINE = "import dagster as dg\n\n\n@dg.asset\ndef one():\n    return 1\n\n\ndefs = dg.Definitions(assets=[one])\n"
ONE_LINE = "from ledger.dagster import track_definitions\n\ndefs = track_definitions(defs)\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The programs of an environment into which only the wheel and what it asks for were installed."""
    place = tmp_path_factory.mktemp("minimal")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(place), str(ROOT)]
    subprocess.run(command, capture_output=True, check=True)
    (wheel,) = place.glob("*.whl")
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, place / "venv"], check=True, capture_output=True)
    lock = place / "versions.txt"
    text = (ROOT / ".ci" / "requirements.lock").read_text()
    lock.write_text("\n".join(line.rstrip(" \\") for line in text.splitlines() if "==" in line) + "\n")
    words = ["pip", "install", "-q", "--python", place / "venv" / "bin" / "python", "--constraint", lock, wheel]
    done = subprocess.run([uv, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"what the wheel asks for cannot be installed: {done.stderr.strip()[-300:]}")
    return place / "venv" / "bin"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_help_run_and_show_work_without_any_extra(installed, tmp_path):
    def say(*words):
        done = subprocess.run(
            [installed / words[0], *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": str(installed), "HOME": str(tmp_path)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "pipeline.py").write_text(PIPELINE + ONE_LINE)
    missing = (
        "import importlib.util as u; print([n for n in ('dagster_webserver', 'obstore', 'pytest') if u.find_spec(n)])"
    )
    assert say("python", "-c", missing) == "[]\n"
    assert "Commands" in say("dagster-ledger", "--help")
    assert "one" in say("dagster-ledger", "run", "-m", "pipeline", "--quiet")
    assert "success" in say("dagster-ledger", "show")
    refused = subprocess.run(
        [installed / "dagster-ledger", "show", "--ledger", "s3://bucket/place"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "object-stores" in refused.stderr
