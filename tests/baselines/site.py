"""A project whose baselines are changed by pull request: a repository with a remote, people with keys, and a ledger.

The runs are written into the ledger as the integration would; git, ssh-keygen and the command line are the real ones.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ledger.attestation import signed_text
from ledger.baselines import Baseline, Change, MetricBaseline, entry_digest, read, relative_path, write
from ledger.baselines.waiver import WaivedChange, Waiver, file_name, text_of
from ledger.service.baselines.pull_request import pull_request
from ledger.service.baselines.review import review
from ledger.store import open_store
from ledger.trust.keys import BASELINE_NAMESPACE
from tests.judged import batches, story
from tests.judged import write as record
from tests.readiness.site import git, make_key, said

JOB: Final = "job"
BASE: Final = "match_rate_threshold: 0.7\nregression: {min_baseline_runs: 4, baseline_runs: 8}\n"
ALICE, BOB, EVE = "alice@example.org", "bob@example.org", "eve@example.org"
PROFILE: Final = "amd-epyc-2-cores-8-gib-class-linux-python-3.11"
RUNS: Final = 8
CHECK: Final = ("baseline", "check", "--base", "origin/main")
GATE: Final = ("gate", "--base", "origin/main", "--no-record")
SLOW: Final = {"slower": 1.5, "since": 0}


@dataclass(frozen=True)
class Site:
    """Where everything is; ``main`` is protected and on ``origin``, the branch ``change`` is checked out."""

    place: Path

    @property
    def project(self) -> Path:
        return self.place / "project"

    @property
    def ledger(self) -> Path:
        return self.place / "ledger"

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def key(self, principal: str) -> Path:
        return self.place / "keys" / principal

    def git(self, *words: str) -> str:
        return git(self.project, *words)

    def say(self, *words: str, where: Path | None = None) -> tuple[int, str, str]:
        """Return exit code, output and errors of a command on the ledger."""
        reads = words[:2] not in {("baseline", "diff"), ("baseline", "retire"), ("baseline", "waive")}
        return said(where or self.project, *words, *(("--ledger", str(self.ledger)) if reads else ()))

    def run(self, *words: str, code: int = 0) -> str:
        done = self.say(*words)
        assert done[0] == code, done
        return done[1]

    def check(self, *words: str) -> tuple[int, set[str]]:
        """Return exit code and reasons of `baseline check`, without the ledger."""
        code, out, errors = self.say(*CHECK, "--no-recompute", "--format", "json", *words)
        return code, {one["reason"] for one in json.loads(out)["refused"]} if out else {errors}

    def runs(self, first: int, count: int = 5, **more) -> None:
        """Record runs of the commit that is checked out."""
        commit, names = more.pop("commit", None) or self.head, more.pop("names", {})
        story_words = {name: more.pop(name) for name in ("slower", "since", "seed", "noise") if name in more}
        store = open_store(str(self.ledger), create=True)
        for number, values in story(count, first=first, **story_words):
            named = {names.get(asset, asset): measured for asset, measured in values.items()}
            record(store, batches(number, named, commit=commit, job=JOB, **more))

    def propose(self, *words: str, last: int = 5, code: int = 0) -> str:
        asked = ("baseline", "propose", "--last", str(last), "--reason", "measured", "--write", "--few")
        return self.run(*asked, *words, code=code)

    def commit(self, message: str = "a change", *words: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, *words)
        return self.head

    def path(self, asset: str = "loaded", profile: str = PROFILE) -> Path:
        return self.project / "baselines" / relative_path(asset, profile)

    def read(self, asset: str = "loaded") -> Baseline:
        return read(self.path(asset).read_bytes(), asset)

    def forge(
        self,
        change: Callable[[MetricBaseline], MetricBaseline | None],
        asset: str = "loaded",
        metric: str = "duration_s",
    ) -> None:
        """Change an entry as somebody would who has this very program: well-formed, following what is accepted."""
        old = self.read(asset)
        held = self._held(asset) or old
        entries = []
        for entry in old.metrics:
            new = change(entry) if entry.metric == metric else entry
            if new is not None and new is not entry:
                former = held.metric(metric)
                new = dataclasses.replace(new, supersedes=entry_digest(held, former) if former else None)
            entries.append(new)
        made = dataclasses.replace(old, metrics=tuple(filter(None, entries)))
        self.path(asset).write_text(write(made))

    def _held(self, asset: str) -> Baseline | None:
        """Return the baseline of the merge base with the protected branch, ``None`` without one."""
        if not self.git("remote"):
            return None
        base = self.git("merge-base", "origin/main", "HEAD")
        path = self.path(asset).relative_to(self.project)
        return read(self.git("show", f"{base}:{path}") + "\n", asset)

    def waive(self, principal: str = ALICE, *words: str, code: int = 0) -> str:
        asked = ("baseline", "waive", "--base", "origin/main", "--reason", "known", "--key", str(self.key(principal)))
        return self.run(*asked, *words, code=code)

    def waive_as(
        self,
        principal: str = ALICE,
        *,
        key: Path | None = None,
        days: float = 7.0,
        namespace: str = BASELINE_NAMESPACE,
        alter: Callable[[str], str] = lambda text: text,
        change: Callable[[WaivedChange], WaivedChange] = lambda one: one,
    ) -> None:
        """Write a waiver of all that is given up, as somebody would who does not use the command."""
        found = review(self.project, pull_request(self.project, "origin/main"), at=datetime.now(UTC))
        changes = tuple(
            change(
                WaivedChange(
                    subject=one.subject, was=one.was, becomes=one.becomes,
                    allows=tuple(what.what for what in one.loosenings),
                )
            )
            for one in found.given_up
        )  # fmt: skip
        expires = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
        waiver = Waiver(signer=principal, expires=expires, reason="known", changes=changes)
        text = text_of(waiver)
        signature = signed_text(text.encode(), key or self.key(principal), namespace)
        path = self.project / "baselines" / file_name(waiver)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(alter(text) + signature)

    def publish(self) -> None:
        """Merge what is checked out into the protected branch, as it is."""
        self.git("push", "-q", "origin", "HEAD:main")
        self.git("fetch", "-q", "origin")

    def copy(self, place: Path) -> "Site":
        shutil.copytree(self.place, place, symlinks=True)
        git(place / "project", "remote", "set-url", "origin", str(place / "origin.git"))
        return Site(place)


def loosened(factor: float = 1.3, reason: str = "the new matcher") -> Callable[[MetricBaseline], MetricBaseline]:
    """Return what makes an entry's values worse by a factor and says so."""

    def change(entry: MetricBaseline) -> MetricBaseline:
        return dataclasses.replace(moved(factor)(entry), change=Change("loosen", reason))

    return change


def moved(factor: float) -> Callable[[MetricBaseline], MetricBaseline]:
    """Return what multiplies an entry's values."""

    def change(entry: MetricBaseline) -> MetricBaseline:
        runs = tuple(dataclasses.replace(run, value=round(run.value * factor, 6)) for run in entry.current.runs)
        return dataclasses.replace(entry, current=dataclasses.replace(entry.current, runs=runs))

    return change


def made(place: Path) -> Site:
    """Return a site: baselines of three assets with an anchor, merged; people may sign; a branch is checked out."""
    site = Site(place)
    site.project.mkdir(parents=True)
    site.git("init", "-q", "--template=", "-b", "main")
    (site.project / "config").mkdir()
    (site.project / "config" / "base.yaml").write_text(BASE)
    (site.project / "code.py").write_text("fast = True\n")
    site.runs(0, RUNS, commit=site.commit("a project"))
    site.propose("--anchor", "v1", last=RUNS)
    site.forge(lambda entry: dataclasses.replace(entry, limit=0.08, floor=0.05), metric="cpu_s")
    for principal, role in ((ALICE, "baselines"), (BOB, "engineering")):
        make_key(site.key(principal))
        words = ("keys", "init", "--principal", principal, "--role", role, "--job", JOB)
        assert said(site.project, *words, "--key", str(site.key(principal)))[0] == 0
    assert said(site.project, "init", "--git")[0] == 0
    site.commit("baselines, keys and policy")
    git(place, "init", "-q", "--template=", "--bare", "-b", "main", "origin.git")
    site.git("remote", "add", "origin", str(place / "origin.git"))
    site.publish()
    site.git("checkout", "-q", "-b", "change")
    return site
