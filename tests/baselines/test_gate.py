"""The gate of a pull request: held against what was accepted before it and against its own baselines."""

import pytest

from tests.baselines.site import ALICE, GATE, SLOW, Site, loosened, moved
from tests.judged import LARGE
from tests.readiness.site import git


def gate(site: Site, *words: str, where=None) -> tuple[int, str, str]:
    return site.say(*GATE, *words, where=where)


def slowed(site: Site, message: str = "slower") -> str:
    (site.project / "code.py").write_text("fast = False\n")
    return site.commit(message)


def test_a_clean_pull_request_passes_and_a_slow_one_fails(site):
    (site.project / "code.py").write_text("fast = 1\n")
    site.runs(20, commit=site.commit())
    code, out, _ = gate(site)
    assert (code, out.splitlines()[-1]) == (0, "PASS: judged 10 of 10")
    base = site.git("rev-parse", "origin/main")
    assert f"the baseline files of origin/main at {base[:12]} and of HEAD at {site.head[:12]}" in out
    site.runs(40, commit=slowed(site), **SLOW)
    code, out, _ = gate(site)
    assert code == 1
    assert "loaded duration_s regressed (critical)" in out


def test_no_baseline_of_its_own_helps_a_slow_one_unless_somebody_who_may_allows_it(site):
    site.runs(20, commit=slowed(site), **SLOW)
    site.propose("--asset", "loaded", "--loosen", "--anchor", "v2")
    site.runs(40, commit=site.commit("and accept it"), seed=9, **SLOW)
    code, out, _ = gate(site)
    assert code == 1
    assert "(median)" in out
    assert "loaded duration_s regressed" in out
    assert out.splitlines()[-1].endswith("changes of baselines refused")
    site.waive(ALICE, "--asset", "loaded")
    site.runs(60, commit=site.commit("allowed"), seed=11, **SLOW)
    code, out, _ = gate(site)
    assert code == 0, out
    assert f"waived by {ALICE} until" in out
    site.runs(80, commit=site.commit("slower still", "--allow-empty"), slower=2.4, since=0)
    assert gate(site)[0] == 1


def test_the_settings_of_the_merge_base_are_judged_by(site):
    config = site.project / "config" / "base.yaml"
    config.write_text(config.read_text().replace("regression: {", "regression: {limits: {time: 0.9}, "))
    site.runs(20, commit=slowed(site), **SLOW)
    code, out, _ = gate(site)
    assert code == 1
    assert "loaded duration_s regressed" in out
    assert "regression.limits.time goes from 0.1 to 0.9" in out


@pytest.mark.slow
def test_a_metric_that_got_better_is_held_to_it_once_it_is_proposed(site):
    better = {"slower": 0.7, "since": 0}
    site.runs(20, 8, commit=slowed(site, "faster"), **better)
    site.propose("--asset", "loaded", "--metric", "duration_s", last=8)
    site.runs(40, commit=site.commit("and accept it"))
    code, out, _ = gate(site)
    assert code == 1
    assert "loaded duration_s regressed" in out
    site.runs(60, commit=site.commit("fast again", "--allow-empty"), seed=9, **better)
    assert gate(site)[0] == 0


@pytest.mark.slow
def test_a_retired_metric_is_judged_no_more_once_it_is_waived(site):
    site.run("baseline", "retire", "loaded", "duration_s", "--reason", "cpu_s says it", "--write")
    site.run("baseline", "retire", "loaded", "cpu_s", "--reason", "neither", "--write")
    site.commit("retired")
    site.waive()
    site.runs(20, commit=site.commit("waived"), **SLOW)
    code, out, _ = gate(site)
    assert code == 0, out
    assert "loaded   duration_s" not in out
    assert site.read().metric("duration_s").is_retired
    site.publish()
    site.git("checkout", "-q", "-b", "back")
    site.runs(40, commit=site.commit("bring it back", "--allow-empty"), seed=9, **SLOW)
    words = ("baseline", "propose", "--last", "5", "--reason", "back", "--few", "--asset", "loaded")
    assert "would be loosened" in site.say(*words)[2]


def test_an_asset_that_is_new_is_held_against_its_own_baseline(site):
    path = site.path()
    path.unlink()
    site.git("checkout", "-q", "-b", "fewer", "origin/main")
    path.unlink(missing_ok=True)
    site.commit("an asset less")
    site.publish()
    site.git("checkout", "-q", "-b", "new", "origin/main")
    site.runs(20, commit=site.commit("a new asset", "--allow-empty"))
    site.propose("--asset", "loaded")
    site.runs(40, commit=site.commit("its baseline"), seed=9)
    code, out, _ = gate(site)
    assert code == 0, out
    assert "judged 10 of 10" in out


def test_an_asset_that_the_code_calls_otherwise_is_missing(site):
    """Neither its own baseline nor the old file that stays hides that what was accepted is not made any more."""
    names = {"loaded": "loads"}
    site.runs(20, commit=slowed(site), names=names, **SLOW)
    site.propose("--asset", "loads")
    site.runs(40, commit=site.commit("its baseline"), names=names, seed=9, **SLOW)
    code, out, _ = gate(site)
    assert code == 1
    assert "loaded duration_s is required and missing" in out
    assert gate(site, "--asset", "matched")[0] == 0


@pytest.mark.slow
def test_another_kind_of_machine_is_no_pass_unless_only_baselines_were_changed(site):
    site.runs(20, commit=slowed(site), machine=LARGE, **SLOW)
    site.propose()
    site.runs(40, commit=site.commit("baselines of the large machine"), machine=LARGE, seed=9, **SLOW)
    code, out, _ = gate(site)
    assert code == 3, out
    assert "other machine" in out
    site.git("checkout", "-q", "-b", "only-baselines", "origin/main")
    site.runs(60, commit=site.git("rev-parse", "origin/main"), machine=LARGE)
    site.propose()
    site.runs(80, commit=site.commit("baselines of the large machine"), machine=LARGE, seed=9)
    code, out, _ = gate(site)
    assert code == 0, out


def test_runs_with_uncommitted_changes_and_of_other_commits_are_no_candidates(site):
    site.runs(20, commit=slowed(site), dirty=True)
    code, _, errors = gate(site)
    assert code == 2
    assert "had uncommitted changes" in errors
    site.commit("next", "--allow-empty")
    assert "there are no successful runs of commit" in gate(site)[2]
    assert "leave --baseline and --candidate away" in gate(site, "--candidate", "run-020", "--baseline", "last:3")[2]


def test_of_a_merge_commit_of_both_the_pull_requests_part_is_judged(site):
    """As services merge a pull request for its checks: the head is the merge, the merge base the protected tip."""
    slowed(site)
    site.git("checkout", "-q", "-b", "other", "origin/main")
    (site.project / "other.py").write_text("")
    site.commit("something else")
    site.publish()
    site.git("checkout", "-q", "--detach", "origin/main")
    site.git("merge", "-q", "--no-ff", "-m", "merge", "change")
    site.runs(20, commit=site.head, **SLOW)
    code, out, _ = gate(site)
    assert code == 1
    assert f"origin/main at {site.git('rev-parse', 'origin/main')[:12]}" in out


def test_it_works_in_a_worktree_and_with_a_head_that_is_named(site):
    site.runs(20, commit=slowed(site))
    tree = site.place / "tree"
    site.git("worktree", "add", "-q", str(tree), "origin/main")
    assert gate(site, "--head", "change", where=tree)[0] == 0
    assert git(tree, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_without_the_merge_base_it_says_what_to_fetch(site):
    (site.project / "code.py").write_text("fast = 1\n")
    site.commit("one")
    site.git("push", "-q", "origin", "change")
    site.git("checkout", "-q", "-b", "other", "origin/main")
    site.commit("two", "--allow-empty")
    site.publish()
    shallow = site.place / "shallow"
    url = (site.place / "origin.git").as_uri()
    git(site.place, "clone", "-q", "--depth", "1", "--no-single-branch", "-b", "change", url, str(shallow))
    for words in (GATE, ("baseline", "check", "--base", "origin/main")):
        code, out, errors = site.say(*words, where=shallow)
        assert (code, out) == (2, "")
        assert "`git fetch --unshallow`" in errors
        assert "`git fetch --deepen=200`" in errors
    git(shallow, "fetch", "-q", "--unshallow")
    assert site.say("baseline", "check", "--base", "origin/main", where=shallow)[0] == 0


def test_several_merge_bases_and_none_are_told(site):
    site.commit("one", "--allow-empty")
    one = site.head
    site.git("checkout", "-q", "-b", "other", "origin/main")
    site.commit("two", "--allow-empty")
    two = site.head
    site.git("merge", "-q", "--no-ff", "-m", "both", one)
    site.publish()
    site.git("checkout", "-q", "change")
    site.git("merge", "-q", "--no-ff", "-m", "both", two)
    assert "have 2 merge bases" in gate(site)[2]
    site.git("checkout", "-q", "--orphan", "alone")
    site.commit("alone")
    code, _, errors = gate(site)
    assert code == 2
    assert "have no commit in common" in errors


def test_a_verdict_is_recorded_and_confirmable_as_any_other(site):
    site.runs(20, commit=slowed(site), **SLOW)
    site.say("gate", "--base", "origin/main")
    shown = site.run("show", "run-024")
    assert "loaded" in shown
    assert "regressed" in shown


def test_what_is_waived_once_is_not_waived_for_what_comes_after(site):
    site.forge(loosened(1.05))
    site.commit()
    site.waive()
    site.commit()
    site.publish()
    assert site.check() == (0, set())
    site.forge(moved(1.01))
    site.commit()
    assert site.check() == (1, {"median"})
