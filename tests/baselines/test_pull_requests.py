"""Baselines change like code: proposed, reviewed, merged side by side, and found again in the history."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.service.baselines.git_files import LINES
from tests.baselines.site import BASE, PROFILE, Site, loosened, moved
from tests.readiness.site import git, said


def merged(site: Site, branch: str) -> None:
    site.git("checkout", "-q", "main")
    site.git("merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)
    site.publish()


def test_two_pull_requests_that_touch_different_metrics_merge_without_a_conflict(site):
    site.runs(20, slower=0.8, since=0, commit=site.head)
    for number, metric in enumerate(("cpu_s", "duration_s")):
        site.git("checkout", "-q", "-b", f"change-{number}", "origin/main")
        site.propose("--asset", "loaded", "--metric", metric, "--loosen")
        site.commit(f"{metric} of loaded")
    site.git("checkout", "-q", "main")
    for number in (0, 1):
        site.git("merge", "-q", "--no-ff", "-m", f"merge {number}", f"change-{number}")
    code, out, _ = site.say("baseline", "check", "--base", "origin/main")
    found = site.read()
    assert {entry.metric for entry in found.metrics if len(entry.current.runs) == 5} == {"cpu_s", "duration_s"}
    assert "2 changed" in out
    assert code == 1  # fewer runs than before, which nobody waived


def test_from_a_proposal_to_the_history(site):
    faster = {"slower": 0.7, "since": 0}
    site.runs(20, 8, commit=site.commit("faster", "--allow-empty"), **faster)
    body = site.place / "body.md"
    site.propose("--asset", "loaded", "--metric", "duration_s", "--pr-body", str(body), last=8)
    site.commit("accept it")
    text = body.read_text()
    assert "Changes what is accepted: 1 tighten." in text
    assert "| loaded | duration\\_s |" in text
    assert "10.00 s (8 runs) → 7.00 s (8 runs), -30.0%" in text
    assert "**Why:** measured" in text
    assert "baseline check" in text
    code, out, _ = site.say("baseline", "check", "--base", "origin/main")
    assert (code, out.splitlines()[-1].partition(": ")[2]) == (0, "1 changed, 0 refused")
    merged(site, "change")
    site.git("checkout", "-q", "-b", "rename", "main")
    site.git("mv", f"baselines/{PROFILE}/matched.json", f"baselines/{PROFILE}/kept.json")
    site.commit("moved by accident")
    site.git("mv", f"baselines/{PROFILE}/kept.json", f"baselines/{PROFILE}/matched.json")
    site.commit("and back")
    told = json.loads(site.run("baseline", "show", "loaded", "--history", "--metric", "duration_s", "--format", "json"))
    assert [(one["kind"], one["reason"]) for one in told] == [("establish", "measured"), ("tighten", "measured")]
    assert [one["subject"] for one in told] == ["baselines, keys and policy", "accept it"]
    shown = site.run("baseline", "show", "matched", "--history", "--metric", "duration_s")
    assert "establish" in shown
    assert "no such" not in shown


def test_what_a_merge_changes_by_itself_is_in_the_history(site):
    site.commit("one", "--allow-empty")
    site.git("checkout", "-q", "-b", "other", "origin/main")
    site.commit("two", "--allow-empty")
    site.git("merge", "-q", "--no-ff", "--no-commit", "change")
    site.forge(moved(1.3))
    site.commit("an evil merge")
    told = json.loads(site.run("baseline", "show", "loaded", "--history", "--metric", "duration_s", "--format", "json"))
    assert [one["subject"] for one in told] == ["baselines, keys and policy", "an evil merge"]


def test_the_difference_names_what_is_given_up_in_every_form(site):
    site.forge(loosened(1.05, reason="a | b\n@someone <img src=x> ![x](http://e)"))
    site.commit()
    text = site.run("baseline", "diff", "origin/main..HEAD")
    assert "loosen: duration_s of loaded" in text
    assert "gives up: median goes from" in text
    told = json.loads(site.run("baseline", "diff", "origin/main...HEAD", "--format", "json"))
    (change,) = told["changes"]
    assert (change["kind"], [one["code"] for one in change["gives_up"]]) == ("loosen", ["median"])
    assert change["before"]["runs"] == change["after"]["runs"] == 8
    shown = site.run("baseline", "diff", "origin/main..", "--format", "markdown")
    assert "a \\| b\\\\n@&#8203;someone &lt;img src=x&gt; !\\[x\\](http:&#8203;//e)" in shown
    assert len(shown.splitlines()) == 7
    site.path().unlink()
    assert "remove: duration_s of loaded" in site.run("baseline", "diff", "HEAD")
    assert "nothing changes" in site.run("baseline", "diff", "HEAD..HEAD")
    assert "knows no commit 'nowhere'" in site.say("baseline", "diff", "nowhere..HEAD")[2]


@pytest.mark.slow
def test_git_itself_shows_the_difference_metric_by_metric(site):
    program = site.place / "bin" / "dagster-ledger"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ledger_cli.main "$@"\n')
    program.chmod(0o755)
    site.forge(loosened(1.05))
    shown = shown_by_git(site, f"{program.parent}:{os.environ['PATH']}")
    assert "-  current: median 10.002651 s" in shown
    assert "+  loosen: the new matcher" in shown
    assert '"runs": [' not in shown
    assert '"value"' in shown_by_git(site, "/usr/bin:/bin")  # without the program, the file as it is
    site.path().write_text("{}\n")
    assert ":1: the file has no schema" in shown_by_git(site, f"{program.parent}:{os.environ['PATH']}")


def shown_by_git(site: Site, path: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(site.project), "diff"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": path},
    )
    return done.stdout


def test_init_adds_what_is_missing_and_changes_nothing_that_is_there(tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    assert said(place, "init", "--git")[0] == 2
    assert "is in no git repository" in said(place, "init", "--git")[2]
    git(place, "init", "-q")
    (place / ".gitattributes").write_bytes(b"*.png binary\r\nbaselines/**/*.json   text eol=lf")
    git(place, "config", "diff.dagster-baseline.cachetextconv", "true")
    code, out, _ = said(place, "init", "--git")
    assert code == 0
    assert "LEFT    git config diff.dagster-baseline.cachetextconv true" in out
    assert out.count("added  ") == 4
    lines = (place / ".gitattributes").read_bytes()
    assert lines.startswith(b"*.png binary\r\nbaselines/**/*.json   text eol=lf\n# Baselines")
    owners = (place / "baselines" / "CODEOWNERS.example").read_text()
    assert "/baselines/" in owners
    code, again, _ = said(place, "init", "--git")
    assert "added" not in again
    assert (place / ".gitattributes").read_bytes() == lines
    assert git(place, "check-attr", "diff", "eol", "--", "baselines/p/a.json").splitlines() == [
        "baselines/p/a.json: diff: dagster-baseline", "baselines/p/a.json: eol: lf",
    ]  # fmt: skip


def test_this_repository_has_the_lines_itself():
    lines = (Path(__file__).parents[2] / ".gitattributes").read_text().splitlines()
    assert set(LINES) <= set(lines)


def test_an_upgrade_of_attributes_by_init_is_no_trick(site):
    path = site.project / ".gitattributes"
    lines = path.read_text()
    path.write_text("".join(line for line in lines.splitlines(keepends=True) if "waiver" not in line))
    site.commit()
    site.publish()
    assert said(site.project, "init", "--git")[0] == 0
    site.commit()
    assert site.check() == (0, set())
    assert path.read_text().splitlines()[-1].startswith("baselines/**/*.waiver")


@pytest.mark.slow
def test_a_proposal_is_one_step_however_often_it_is_made(site):
    site.runs(20, 8, slower=0.9, since=0, commit=site.commit("fast", "--allow-empty"))
    site.propose("--asset", "loaded", "--metric", "duration_s", last=8)
    site.commit("first try")
    site.runs(40, 8, slower=0.8, since=0, commit=site.head)
    site.propose("--asset", "loaded", "--metric", "duration_s", last=8)
    site.commit("second try")
    assert site.check() == (0, set())


@pytest.mark.slow
def test_a_proposal_refuses_values_that_are_far_apart_and_a_worse_anchor(site):
    site.runs(20, 9, noise=0.8, commit=site.head)
    words = ("baseline", "propose", "--last", "9", "--reason", "r", "--asset", "matched", "--metric", "duration_s")
    code, _, errors = site.say(*words)
    assert code == 2
    assert "duration_s of matched varies too much (coefficient of variation" in errors
    assert site.say(*words, "--loosen", "--set", "regression.max_baseline_cv=5")[0] == 0
    site.runs(40, 8, slower=1.05, since=0, commit=site.head)
    words = ("baseline", "propose", "--last", "8", "--reason", "r", "--asset", "loaded", "--anchor", "v2")
    code, _, errors = site.say(*words)
    assert code == 2
    assert "anchor's median goes from" in errors


def test_a_waiver_is_only_signed_by_who_may_and_for_a_time(site):
    key = str(site.key("bob@example.org"))
    site.run("baseline", "retire", "loaded", "cpu_s", "--reason", "r", "--write")
    site.commit()
    words = ("baseline", "waive", "--base", "origin/main", "--reason", "r", "--key")
    assert "has not the role 'baselines'" in site.say(*words, key)[2]
    alice = str(site.key("alice@example.org"))
    assert "at most 30 days" in site.say(*words, alice, "--for", "60d")[2]
    assert "nothing needs a waiver" in site.say(*words, alice, "--asset", "matched")[2]
    assert site.say(*words, alice)[0] == 0
    site.commit()
    assert "nothing needs a waiver" in site.say(*words, alice)[2]


@pytest.mark.slow
def test_where_the_ledger_is_not_at_hand_nothing_is_said_to_be_well(site):
    site.runs(20, 8, slower=0.8, since=0, commit=site.commit("fast", "--allow-empty"))
    site.propose("--asset", "loaded", last=8)
    site.commit()
    words = ("baseline", "check", "--base", "origin/main")
    assert site.say(*words)[0] == 0
    code, out, _ = said(site.project, *words, "--ledger", str(site.place / "nowhere"))
    assert code == 3
    assert "not recomputed" in out
    other = Site(site.place / "other")
    other.runs(100, 3, commit="0" * 40)
    code, out, _ = said(site.project, *words, "--ledger", str(other.ledger))
    assert code == 3
    assert "not recomputed: duration_s of loaded" in out
    assert site.say(*words, "--no-recompute")[0] == 0
    assert site.say(*words, "--all", "--format", "json")[0] == 0


def test_baselines_of_a_project_in_a_directory_of_the_repository_are_found(site, tmp_path):
    top = tmp_path / "top"
    (top / "sub" / "config").mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    (top / "sub" / "config" / "base.yaml").write_text(BASE)
    for path in sorted((site.project / "baselines").rglob("*.json")):
        target = top / "sub" / path.relative_to(site.project)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "one")
    git(top, "checkout", "-q", "-b", "change")
    (top / ".gitattributes").write_text("sub/baselines/** -diff\n")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "two")
    code, out, _ = said(top / "sub", "baseline", "check", "--base", "main", "--no-recompute")
    assert code == 1
    assert "refused (attributes)" in out
