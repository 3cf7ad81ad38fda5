"""``python -m tests.demonstrations.regressions DIR``: the gate on the benchmark suite, with the shipped defaults.

Four acts, each of runs in processes of their own: the baseline; the same again; three faults at once (a fifth more work
in one asset, a third more memory in another, three points of the match rate gone); the same again beside processes that
take the processors. It takes half an hour and wants a machine that does nothing else.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
JOB: Final = "benchmark_suite"
BASELINE_RUNS: Final = 12
RUNS: Final = 5
FAULTS: Final = (
    "benchmark/slowdown.award_terms=1.2",
    "benchmark/memory.landed_details=1.3",
    "benchmark/dropped_matches=0.03",
)
EXPECTED: Final = {
    ("award_terms", "duration_s"),
    ("landed_details", "peak_increase_bytes"),
    ("linked_awards", "match_rate"),
}


class Stage:
    """A ledger, and the program on it."""

    def __init__(self, place: Path) -> None:
        """Name the directory; a clone of the project and everything that is made is kept in it."""
        self._project: Final = place.absolute() / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self._project)], check=True)
        self._forget_baselines()
        self._environment: Final = os.environ | {
            "DAGSTER_LEDGER_URI": str(place.absolute() / "ledger"),
            "DAGSTER_HOME": str(place.absolute() / "dagster"),
            "PYTHONPATH": f"{self._project}:{self._project / 'cli'}",
        }
        (place / "dagster").mkdir(parents=True, exist_ok=True)
        (place / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")

    def _forget_baselines(self) -> None:
        """Begin as a project in which nothing was accepted yet, by a branch of its own."""
        told = ("user.name=n", "user.email=n@example.org", "commit.gpgsign=false", "core.hooksPath=/dev/null")
        git = ("git", "-C", str(self._project), *(word for one in told for word in ("-c", one)))
        subprocess.run([*git, "remote", "remove", "origin"], check=True)
        subprocess.run([*git, "rm", "-r", "--quiet", "--ignore-unmatch", "baselines/*.json"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "Nothing is accepted"], check=True)

    def run(self, *words: str) -> tuple[int, str]:
        """Run the program; return exit code and output."""
        command = [sys.executable, "-m", "ledger_cli.main", *words]
        done = subprocess.run(
            command, cwd=self._project, env=self._environment, stdout=subprocess.PIPE, text=True, check=False
        )
        return done.returncode, done.stdout

    def runs(self, count: int, *tags: str) -> None:
        """Run the suite so often, a process each."""
        words = ["run", "--job", JOB, "-q", "--runs", str(count)]
        code, said = self.run(*words, *(word for tag in tags for word in ("--tag", tag)))
        if code:
            sys.exit(f"the suite ended with {code}: {said}")

    def gate(self, title: str, last: int) -> tuple[int, dict[str, Any]]:
        """Judge the newest runs against the first; show the answer, and return exit code and document."""
        words = ["gate", "--job", JOB, "--last", str(last)]
        code, said = self.run(*words)
        sys.stdout.write(f"\n## {title}: exit code {code}\n\n```\n{said}```\n")
        _, document = self.run(*words, "--format", "json", "--no-record")
        return code, json.loads(document)

    def accept(self, count: int) -> None:
        """Accept the newest runs as the baseline."""
        words = ["baseline", "propose", "--job", JOB, "--last", str(count)]
        code, said = self.run(*words, "--reason", "the suite as it is", "--write")
        if code:
            sys.exit(f"the baseline was refused: {said}")


@contextmanager
def busy_processors() -> Iterator[None]:
    """Let two processes a processor do nothing but take time."""
    loop = [sys.executable, "-c", "while True: pass"]
    hogs = [subprocess.Popen(loop) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def regressed(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return severity by asset and metric of what regressed."""
    found = [one for one in document["findings"] if one["state"] == "regressed"]
    return {(one["asset"], one["metric"]): one["severity"] for one in found}


def main() -> None:
    """Play the acts, and leave with 1 where one did not come out as it should."""
    stage = Stage(Path(sys.argv[1]))
    wrong: list[str] = []
    stage.runs(BASELINE_RUNS)
    stage.accept(BASELINE_RUNS)
    stage.runs(RUNS)
    code, document = stage.gate("Unchanged", RUNS)
    if document["outcome"] != "PASS" or code or regressed(document):
        wrong.append(f"unchanged: {document['outcome']}, exit code {code}, regressed {regressed(document)}")
    stage.runs(RUNS, *FAULTS)
    code, document = stage.gate("Three faults", RUNS)
    if code != 1 or not set(regressed(document)) >= EXPECTED:
        wrong.append(f"faults: exit code {code}, regressed {regressed(document)}")
    with busy_processors():
        stage.runs(RUNS)
    code, document = stage.gate("Busy processors", RUNS)
    if regressed(document) or not document["environment_shift"]:
        wrong.append(f"busy: exit code {code}, regressed {regressed(document)}")
    sys.stdout.write("\n" + ("\n".join(wrong) or "as it should be") + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
