"""``python -m tests.demonstrations.story [DIR]``: from first runs to a signed manifest, on the real data.

A clone of the project goes through what a team goes through: runs over three editions of the data, an accepted
baseline, a delivery that is incomplete, a change that makes links worse, a refused and an allowed deployment. Each
command is shown as it would be typed, with what it said. Everything is kept in DIR, which is made anew.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final, NoReturn

import pyarrow.parquet as pq

ROOT: Final = Path(__file__).parents[2]
DEFAULT: Final = ROOT / ".story"
JOB: Final = "enrich_companies"
RUNS: Final = 5
STEADY: Final = ("match_rate", "precision", "recall", "mean_confidence", "peak_increase_bytes")
"""Metrics that a busy machine does not change; of the times of a laptop a baseline would be unsteady."""
PEOPLE: Final = {"engineer@example.org": "engineering", "operator@example.org": "operations"}
_MARKER: Final = "made-by-make-run"
_GIT: Final = """\
[user]
  name = dagster-ledger
  email = story@example.org
[safe]
  directory = *
[protocol "file"]
  allow = always
"""
"""All that git is told: what somebody set for themselves would change the story."""


class Story:
    """The clone, the ledger in it, and the program on both."""

    def __init__(self, place: Path) -> None:
        """Make the directory anew, with a clone of what is committed."""
        self.place: Final = place.absolute()
        self.project: Final = self.place / "project"
        _make_anew(self.place)
        (self.place / "gitconfig").write_text(_GIT, encoding="utf-8")
        self._environment: Final = {
            **{key: word for key, word in os.environ.items() if not key.startswith(("DAGSTER_", "GIT_"))},
            "GIT_CONFIG_GLOBAL": str(self.place / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": f"{self.project}{os.pathsep}{self.project / 'cli'}",
        }
        self._chapter = 0
        clone = ("clone", "--quiet", "--origin", "origin", "-c", "core.autocrlf=false", "-c", "core.excludesFile=")
        self._git(*clone, str(ROOT), str(self.project), cwd=self.place)
        self._git("checkout", "--quiet", "-B", "main")
        self._git("remote", "remove", "origin")
        if self._git("status", "--porcelain", "--untracked-files=no", cwd=ROOT):
            sys.stdout.write("\nThe story is of the last commit: what has changed since is no part of it.\n")

    def chapter(self, title: str, why: str) -> None:
        """Begin a part of the story."""
        self._chapter += 1
        text = textwrap.fill(why, min(110, shutil.get_terminal_size((110, 40)).columns))
        sys.stdout.write(f"\n\n{self._chapter}. {title}\n{'─' * (len(title) + 3)}\n{text}\n")
        sys.stdout.flush()

    def say(self, *words: str, expect: int = 0, quiet: bool = False, most: int = 40) -> str:
        """Run the program, show what was typed and said, and leave where it does not end as the story goes.

        Args:
            words: The arguments.
            expect: The exit code.
            quiet: Whether what it says is left out where it ends as it should.
            most: Lines that are shown at most.
        """
        sys.stdout.write(f"\n$ dagster-ledger {shlex.join(words)}\n")
        sys.stdout.flush()
        done = self._program(*words)
        if done.returncode != expect:
            sys.stdout.write(done.stdout)
            sys.exit(f"{done.stderr}\nthis ended with {done.returncode} where the story goes on with {expect}")
        lines = (done.stdout + done.stderr if expect else done.stdout).rstrip().splitlines()
        if not quiet:
            hidden = len(lines) - most
            shown = [*lines[:most], f"… {hidden} more lines"] if hidden > 0 else lines
            sys.stdout.write("".join(f"{line.rstrip()}\n" for line in shown))
        if expect:
            sys.stdout.write(f"(exit code {expect})\n")
        sys.stdout.flush()
        return done.stdout

    def answer(self, *words: str) -> str:
        """Return what the program writes, without a word to the reader; what blocks is an answer too."""
        done = self._program(*words)
        if done.returncode not in {0, 1}:
            sys.exit(done.stderr)
        return done.stdout

    def runs(self, count: int, *words: str, expect: int = 0) -> None:
        """Run the pipeline so often, in a process each."""
        several = () if count == 1 else ("--runs", str(count))
        command = ("run", "--job", JOB, "--executor", "in_process", "-q", *several, *words)
        self.say(*command, expect=expect, quiet=True)

    def commit(self, message: str) -> None:
        """Commit everything that changed."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        sys.stdout.write(f"\n$ git add -A && git commit -m {shlex.quote(message)}\n")

    def switch(self, branch: str, *, new: bool = False) -> None:
        """Check out a branch."""
        self._git("switch", "--quiet", *(["--create"] if new else []), branch)
        sys.stdout.write(f"\n$ git switch {'-c ' if new else ''}{branch}\n")

    def edit(self, file: str, before: str, after: str) -> None:
        """Change the code, as somebody would in an editor."""
        path = self.project / file
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            sys.exit(f"{file} has no longer one place that reads {before!r}; the story must follow it")
        path.write_text(text.replace(before, after), encoding="utf-8")
        sys.stdout.write(f"\n(in {file}: -{before} +{after})\n")

    def _program(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ledger_cli.main", *words]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(
            command, cwd=self.project, env=self._environment, stdin=nothing, stdout=pipe, stderr=pipe, encoding="utf-8"
        ) as program:
            try:
                out, err = program.communicate()
            except (KeyboardInterrupt, SystemExit):
                # It closes what it began; of Ctrl-C on a terminal it knows, and a second one changes nothing.
                program.send_signal(signal.SIGINT)
                program.communicate()
                raise
        return subprocess.CompletedProcess(command, program.returncode, out, err)

    def _git(self, *words: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.project, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"git {words[0]} failed: {done.stderr.strip()}; the story needs a git repository of its own")
        return done.stdout


def _make_anew(place: Path) -> None:
    """Empty a directory that an earlier story made, or make one; leave where it is somebody else's."""
    ours = place == DEFAULT or (place / _MARKER).is_file()
    try:
        if not ours and place.exists() and any(place.iterdir()):
            sys.exit(f"{place} exists and was not made by this; name another directory")
        place.mkdir(parents=True, exist_ok=True)
        (place / _MARKER).touch()
        (place / ".gitignore").write_text("*\n", encoding="utf-8")  # There are private keys in it.
        for path in place.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in {_MARKER, ".gitignore"}:
                path.unlink()
    except OSError as error:
        sys.exit(f"cannot empty {place} ({error.strerror}: {error.filename}); remove it by hand")


def _earlier(story: Story) -> None:
    story.chapter(
        "Runs over three editions of the data",
        "Stock indices and registrants as two packages told them at three times: twice the earlier ones, then the "
        "newest five times, so that there is something to compare. Each run is a process of its own.",
    )
    for edition in ("earlier/1", "earlier/2"):
        story.runs(1, "--set", f"input_dir=assets/data/{edition}")
    story.runs(RUNS)
    story.say("show")
    story.say("trend", "--asset", "enriched_companies", "--metric", "match_rate", most=16)


def _accept(story: Story) -> None:
    story.chapter(
        "Who approves, and what is accepted",
        "Two people with SSH keys and a policy; then the five runs become the baseline: files in the repository, "
        "merged like code.",
    )
    for principal, role in PEOPLE.items():
        words = ("keys", "init", "--principal", principal, "--role", role, "--job", JOB)
        story.say(*words, "--key", f"../keys/{role}", "--no-passphrase", quiet=True)
    story.edit("config/trust/policy.json", '"engineering": 1', '"engineering": 1, "operations": 1')
    chosen = [word for metric in STEADY for word in ("--metric", metric)]
    story.say(
        "baseline", "propose", "--job", JOB, "--last", str(RUNS), *chosen, "--reason", "first", "--write", most=14
    )
    story.commit("Accept what the pipeline does, and who may approve its deployment")


def _worse(story: Story) -> None:
    story.chapter(
        "A change that no threshold notices",
        "Somebody shortens the list of legal forms that names may end with. The match rate stays far above its "
        "threshold of 0.70, every run succeeds, and the pull request looks harmless. The regression gate holds it "
        "against what was accepted.",
    )
    story.switch("fewer-legal-forms", new=True)
    story.edit("assets/matching/normalise.py", "inc incorporated corp corporation co company", "co company")
    story.commit("Forget legal forms that everybody has")
    story.runs(RUNS)
    story.say("gate", "--job", JOB, "--base", "main", "--brief", expect=1)
    story.say("explain", "enriched_companies", "match_rate", "--job", JOB)
    story.switch("main")


def _incomplete(story: Story) -> None:
    story.chapter(
        "A delivery that is incomplete",
        "Of the registrants only the first third arrives. The quality gate closes: what comes after it is not "
        "executed, what was published stays as it was, and the reason is in the ledger, in Dagster and in the alert.",
    )
    newest, delivery = story.project / "assets" / "data", story.place / "incomplete"
    delivery.mkdir()
    for path in newest.glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(
            table.slice(0, table.num_rows // 3) if path.stem == "registrants" else table, delivery / path.name
        )
    story.runs(1, "--set", "input_dir=../incomplete", expect=1)
    story.say("show", "latest", most=60)


def _refused(story: Story) -> None:
    story.chapter(
        "May it go to production?",
        "Not now: each critical item that does not hold is named, with what to do.",
    )
    story.say("readiness", "check", expect=1, most=60)


def _ready(story: Story) -> None:
    story.chapter(
        "Mended, signed, deployed",
        "The delivery comes again, complete; the alert is answered for; the smoke tests pass on this commit. Then the "
        "manifest is written and signed by two people, and the guard lets the deployment through.",
    )
    story.runs(RUNS)
    story.say("smoke", most=20)
    for alert in _alerts(story):
        words = ("--reason", "delivered again, complete", "--owner", "operator@example.org", "--for", "1d")
        story.say("ack", alert, *words)
    story.say("readiness", "check", most=60)
    manifest = ("--manifest", "../manifest.json")
    guard = ("readiness", "guard", *manifest, "--", "echo", "deployed")
    story.say("manifest", "build", "-o", manifest[1])
    story.say("manifest", "sign", manifest[1], "--key", "../keys/engineering")
    story.say(*guard, expect=4)
    story.say("manifest", "sign", manifest[1], "--key", "../keys/operations")
    story.say(*guard)


def _alerts(story: Story) -> list[str]:
    """Return the alerts in the way of the deployment, by the beginning of their ids."""
    answer = json.loads(story.answer("readiness", "check", "--format", "json"))
    (item,) = (one for one in answer["items"] if one["name"] == "no_blocking_alerts")
    return sorted(alert[:8] for alert in item["evidence"])


def main() -> None:
    """Tell the story, or say why it cannot be told here."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] - a terminal may know no dashes
    signal.signal(signal.SIGTERM, _stopped)
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    missing = [name for name in ("git", "ssh-keygen") if shutil.which(name) is None]
    if missing or not (ROOT / ".git").exists():
        why = f"needs {' and '.join(missing)}" if missing else "is told in a clone, and this is no git repository"
        sys.stdout.write(f"\nThe story of what comes of many runs {why}.\n")
        return
    try:
        _tell(Story(place))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _stopped(*_: object) -> NoReturn:
    sys.exit(143)


def _tell(story: Story) -> None:
    for part in (_earlier, _accept, _worse, _incomplete, _refused, _ready):
        part(story)
    story.chapter("Where to look", "All of it in one file, offline; and the story's project, to go on with.")
    story.say("report", "-o", "../report.html", quiet=True)
    here, program = os.path.relpath(story.place), Path(sys.executable).with_name("dagster-ledger")
    sys.stdout.write(
        f"""
Open              {here}/report.html
The manifest      {here}/manifest.json
Go on             cd {here}/project, and {os.path.relpath(program, story.project)} show | gate | explain | trend | serve
In Dagster's UI   make dev
"""
    )


if __name__ == "__main__":
    main()
