"""A project that is monitored: a configuration, runs in a ledger, and the baselines that were accepted of them."""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ledger.events import CheckEvaluated, Event, ManifestSigned, StreamId
from ledger.events.batch import freeze
from ledger.store import open_store
from ledger_cli.main import main
from tests.judged import COMMIT, batches, story, write

JOB: Final = "job"
RUNS: Final = 8
PROFILE: Final = "amd-epyc-2-cores-8-gib-class-linux-python-3.11"
BASE: Final = """
regression: {min_baseline_runs: 4}
monitoring: {stale_after_s: 86400.0, absent_for_s: 1.0, manifest_warning_s: 86400.0}
"""

Values = Mapping[str, Mapping[str, float]]


@dataclass
class Watched:
    """Where everything is, and how many runs there are."""

    place: Path
    made: int = 0

    @property
    def project(self) -> Path:
        return self.place / "project"

    @property
    def ledger(self) -> Path:
        return self.place / "ledger"

    @property
    def rules(self) -> Path:
        return self.place / "rules"

    def store(self):
        return open_store(str(self.ledger), create=True)

    def say(self, *words: str, code: int = 0, ledger: bool = True) -> str:
        """Return the output of a command in the project, run in this process."""
        given = [*words, *(("--ledger", str(self.ledger)) if ledger else ())]
        raw, errors = io.BytesIO(), io.StringIO()
        out = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
        with contextlib.chdir(self.project), contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            done = main(given)
        assert done == code, errors.getvalue()
        return raw.getvalue().decode()

    def run(self, values: Values, *, job: str = JOB, age: timedelta = timedelta(minutes=10), **more) -> str:
        """Record a run that began so long ago; return its id."""
        number = self.made
        self.made += 1
        began = datetime.now(UTC) - age - timedelta(hours=number)
        run_id = f"run-{number:03}"
        write(self.store(), batches(number, values, job=job, began=began, run_id=run_id, **more))
        match_rate = values.get("matched", {}).get("match_rate")
        if match_rate is not None:
            self.checked(run_id, match_rate)
        return run_id

    def checked(self, run_id: str, value: float) -> None:
        event = CheckEvaluated(
            run_id=run_id, asset="matched", check="match_rate_gate", metric="match_rate", value=value, threshold=0.7,
            status="passed" if value >= 0.7 else "failed", severity="error", blocking=True, details={},
        )  # fmt: skip
        self.tell(f"check-{run_id}", event)

    def tell(self, name: str, *events: Event) -> None:
        """Append events to a stream of their own."""
        self.store().append(freeze(str(StreamId("told", name)), [(datetime.now(UTC), event) for event in events]))

    def approved(self, name: str, valid: timedelta) -> None:
        expires = (datetime.now(UTC) + valid).isoformat()
        event = ManifestSigned(
            environment="prod", code_version=COMMIT, payload_sha256="b" * 64, ledger_size=1, ledger_root="c" * 64,
            expires=expires, signers=("alice",), accepted=True,
        )  # fmt: skip
        self.tell(name, event)


def good() -> Values:
    """Return the values of a run in which nothing is wrong."""
    return {
        asset: {**values, "duration_s": {"loaded": 10.0, "matched": 20.0, "published": 5.0}[asset]}
        for asset, values in story(1, noise=0.0)[0][1].items()
    }


def worse(asset: str, **factors: float) -> Values:
    """Return the values of a run in which metrics of one asset are multiplied."""
    values = {name: dict(measured) for name, measured in good().items()}
    for metric, factor in factors.items():
        values[asset][metric] *= factor
    return values


def watched(place: Path, base: str = BASE) -> Watched:
    """Return a project with runs that began lately, the newest minutes ago, and accepted baselines of them."""
    found = Watched(place)
    (found.project / "config").mkdir(parents=True)
    (found.project / "config" / "base.yaml").write_text(base)
    for number, values in story(RUNS, noise=0.01):
        found.run(values, age=timedelta(minutes=10 * (RUNS - number)))
    found.say("baseline", "propose", "--last", str(RUNS), "--reason", "measured", "--write", "--few")
    return found


__all__ = ["JOB", "PROFILE", "Watched", "good", "watched", "worse"]
