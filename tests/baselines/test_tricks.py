"""Each way to hide a regression by changing what is accepted, tried in a real repository: each has its own refusal."""

import dataclasses
import shutil

import pytest

from ledger.baselines import relative_path, write
from ledger.trust.keys import MANIFEST_NAMESPACE
from tests.baselines.site import ALICE, BOB, EVE, PROFILE, Site, loosened, moved
from tests.readiness.site import make_key, said

replace = dataclasses.replace


def changed(site: Site, change, metric="duration_s") -> None:
    site.forge(change, metric=metric)
    site.commit()


def entry_with(metric: str, **facts):
    return lambda site: changed(site, lambda entry: replace(entry, **facts), metric)


def current_with(**facts):
    return lambda site: changed(site, lambda entry: replace(entry, current=replace(entry.current, **facts)))


def renamed(site: Site, **identity) -> None:
    """Give the baseline another asset or profile, at its right place, digests made anew."""
    old = site.read()
    new = replace(old, **identity)
    new = replace(new, metrics=tuple(replace(entry, supersedes=None) for entry in new.metrics))
    site.path().unlink()
    path = site.project / "baselines" / relative_path(new.asset, new.profile)
    path.parent.mkdir(exist_ok=True)
    path.write_text(write(new))
    site.commit()


def removed_metric(site: Site) -> None:
    changed(site, lambda entry: None)


def removed_file(site: Site) -> None:
    site.path().unlink()
    site.commit()


def fewer_runs(site: Site) -> None:
    """Leave the slowest away."""

    def without_two(entry):
        kept = sorted(run.value for run in entry.current.runs)[:-2]
        runs = tuple(run for run in entry.current.runs if run.value in kept)
        return replace(entry, current=replace(entry.current, runs=runs))

    changed(site, without_two)


def worse_anchor(site: Site) -> None:
    changed(site, lambda entry: replace(entry, anchor=moved(1.2)(entry).current))


def far_apart(site: Site) -> None:
    """Keep the median and pull the values apart, so that no candidate differs for sure."""

    def spread(entry):
        runs = entry.current.runs
        factors = [0.1 if place % 2 else 1.0 for place in range(len(runs))]
        values = [replace(run, value=round(run.value * factor, 6)) for run, factor in zip(runs, factors, strict=True)]
        return replace(entry, current=replace(entry.current, runs=tuple(values)))

    changed(site, spread)


def older_file(site: Site) -> None:
    """Put back what was accepted before something faster was."""
    before = site.path().read_bytes()
    changed(site, moved(0.8))
    site.publish()
    site.path().write_bytes(before)
    site.commit("as it was")


def small_steps(site: Site) -> None:
    """Give up a little, three times, each time allowed to."""
    for _ in range(2):
        changed(site, loosened(1.04))
        site.waive()
        site.commit()
        assert site.check() == (0, set())
        site.publish()
    changed(site, loosened(1.04))
    assert site.check() == (1, {"median", "drift"})
    site.waive_as(change=lambda one: replace(one, allows=one.allows[:1]))
    site.commit()


def replaced_objects(site: Site) -> None:
    """Let git show the merge base as the head, and give the head other parents."""
    changed(site, moved(1.3))
    base = site.git("rev-parse", "origin/main")
    site.git("replace", base, site.head)
    (site.project / ".git" / "info").mkdir(exist_ok=True)
    (site.project / ".git" / "info" / "grafts").write_text(f"{site.head}\n")


def hiding_attributes(site: Site) -> None:
    with (site.project / ".gitattributes").open("a") as file:
        file.write("baselines/** -diff linguist-generated\n")
    site.commit()


def hiding_attributes_below(site: Site) -> None:
    (site.path().parent / ".gitattributes").write_text("*.json binary\n")
    site.commit()


def raised_setting(site: Site) -> None:
    with (site.project / "config" / "base.yaml").open("a") as file:
        file.write("alert_error_breach: 0.11\n")
    text = (site.project / "config" / "base.yaml").read_text()
    (site.project / "config" / "base.yaml").write_text(
        text.replace("regression: {", "regression: {limits: {time: 0.9}, ")
    )
    site.commit()


def raised_setting_of_an_environment(site: Site) -> None:
    (site.project / "config" / "prod.yaml").write_text("regression: {alpha: 0.001}\n")
    site.commit()


def other_declared_metric(site: Site) -> None:
    path = site.project / "config" / "base.yaml"
    declared = "metrics: {lag_s: {unit: s, direction: %s, kind: time, description: d}}\n"
    before = path.read_text()
    path.write_text(before + declared % "lower_is_better")
    site.commit()
    site.publish()
    path.write_text(before + declared % "higher_is_better")
    site.commit()


def linked_file(site: Site) -> None:
    target = site.project / "elsewhere.json"
    shutil.move(site.path(), target)
    site.path().symlink_to(target)
    site.commit()


def linked_directory(site: Site) -> None:
    shutil.move(site.project / "baselines", site.project / "others")
    (site.project / "baselines").symlink_to("others")
    site.commit()


def linked_settings(site: Site) -> None:
    path = site.project / "config" / "base.yaml"
    shutil.move(path, site.project / "elsewhere.yaml")
    path.symlink_to("../elsewhere.yaml")
    site.commit()


def other_capitals(site: Site) -> None:
    renamed_copy = replace(site.read(), asset="Loaded", metrics=())
    (site.path().parent / "Loaded.json").write_text(write(renamed_copy))
    site.commit()


def other_capitals_of_the_directory(site: Site) -> None:
    shutil.copytree(site.project / "baselines", site.project / "Baselines")
    site.commit()


def at_a_place_that_nobody_reads(site: Site) -> None:
    shutil.copy(site.path(), site.project / "baselines" / "loaded.json")
    site.commit()


def edited_in_a_merge(site: Site) -> None:
    """Merge the protected branch, and change a baseline in the merge itself, which no diff of a commit shows."""
    (site.project / "more.py").write_text("")
    site.commit()
    site.git("checkout", "-q", "-b", "other", "origin/main")
    (site.project / "other.py").write_text("")
    site.commit()
    site.publish()
    site.git("checkout", "-q", "change")
    site.git("merge", "-q", "--no-commit", "--no-ff", "origin/main")
    changed(site, moved(1.3))


def rebased(site: Site) -> None:
    """Rebase a change over one of the same metric that was merged meanwhile."""
    changed(site, moved(0.99))
    site.git("checkout", "-q", "-b", "other", "origin/main")
    changed(site, moved(0.7))
    site.publish()
    site.git("checkout", "-q", "change")
    site.git("rebase", "-q", "-X", "theirs", "origin/main")


def waived(site: Site, *, after=lambda site: None, **how) -> None:
    changed(site, loosened())
    site.waive_as(**how)
    site.commit("waived")
    after(site)


def trusted_by_the_change_itself(site: Site) -> None:
    """Sign with a key that the pull request adds."""
    make_key(site.key(EVE))
    words = ("keys", "init", "--principal", EVE, "--role", "baselines", "--key", str(site.key(EVE)))
    assert said(site.project, *words)[0] == 0
    waived(site, principal=EVE)


def promoted_by_the_change_itself(site: Site) -> None:
    """Sign with a key of somebody whom the pull request gives the role."""
    policy = site.project / "config" / "trust" / "policy.json"
    policy.write_text(policy.read_text().replace('"engineering"', '"baselines"'))
    waived(site, principal=BOB)


def revoked_meanwhile(site: Site) -> None:
    def revoke(site: Site) -> None:
        site.git("checkout", "-q", "-b", "other", "origin/main")
        assert said(site.project, "keys", "revoke", ALICE, "--reason", "lost")[0] == 0
        site.commit()
        site.publish()
        site.git("checkout", "-q", "change")

    waived(site, after=revoke)


def changed_after_the_waiver(site: Site) -> None:
    waived(site, after=lambda site: changed(site, loosened(1.1)))


def with_another_reason(text: str) -> str:
    return text.replace('reason: "known"', 'reason: "agreed"')


TRICKS = {
    "the median is moved": (lambda site: changed(site, moved(1.3)), {"median", "drift", "kind"}, 1),
    "a metric is deleted": (removed_metric, {"metric_removed"}, 1),
    "a file is deleted": (removed_file, {"file_removed"}, 1),
    "the asset is renamed": (lambda site: renamed(site, asset="loads"), {"renamed"}, 1),
    "it lies in another profile's directory": (lambda site: renamed(site, profile="fast"), {"renamed", "profile"}, 1),
    "a limit is raised": (entry_with("cpu_s", limit=5.0), {"limit", "kind"}, 1),
    "a limit is set": (entry_with("duration_s", limit=5.0), {"limit", "kind"}, 1),
    "a limit is dropped": (entry_with("cpu_s", limit=None), {"limit", "kind"}, 1),
    "a floor is raised": (entry_with("cpu_s", floor=60.0), {"floor", "kind"}, 1),
    "the direction is flipped": (
        entry_with("duration_s", direction="higher_is_better"), {"direction", "kind"}, 1,
    ),
    "the unit is changed": (entry_with("duration_s", unit="rows"), {"unit", "kind"}, 1),
    "the data set is another": (current_with(dataset_id="tiny"), {"data_set", "kind"}, 1),
    "the size class is another": (current_with(size_class="2^2"), {"size_class", "kind"}, 1),
    "the configuration is another": (
        current_with(config_digest="0" * 64), {"configuration", "kind"}, 1,
    ),
    "the machine is another": (
        current_with(machine="a slow one"), {"machine_class", "profile", "kind"}, 1,
    ),
    "there are fewer runs": (fewer_runs, {"runs", "kind"}, 1),
    "the values are far apart": (far_apart, {"spread", "kind"}, 1),
    "the anchor is removed": (
        entry_with("duration_s", anchor=None), {"anchor_removed", "kind"}, 1,
    ),
    "the anchor is replaced": (worse_anchor, {"anchor_median", "kind"}, 1),
    "many small steps": (small_steps, {"waiver_allows"}, 1),
    "a metric is retired": (
        lambda site: (site.run("baseline", "retire", "loaded", "cpu_s", "--reason", "r", "--write"), site.commit()),
        {"retired"}, 1,
    ),
    "an older file is put back": (older_file, {"supersedes", "median", "kind"}, 4),
    "objects are replaced and grafted": (replaced_objects, {"median", "drift", "kind"}, 1),
    "attributes hide the difference": (hiding_attributes, {"attributes"}, 1),
    "attributes beside the files hide it": (hiding_attributes_below, {"attributes"}, 1),
    "the gate's settings are raised": (raised_setting, {"setting"}, 1),
    "those of an environment are": (raised_setting_of_an_environment, {"setting"}, 1),
    "a declared metric means something else": (other_declared_metric, {"setting"}, 1),
    "a file becomes a link": (linked_file, {"link", "file_removed"}, 1),
    "the directory becomes a link": (linked_directory, {"link", "file_removed"}, 1),
    "the settings become a link": (linked_settings, {"link"}, 1),
    "names differ in capitals": (other_capitals, {"case"}, 1),
    "directories differ in capitals": (other_capitals_of_the_directory, {"case"}, 1),
    "a file lies where nobody reads it": (at_a_place_that_nobody_reads, {"place"}, 1),
    "a merge commit edits it": (edited_in_a_merge, {"median", "drift", "kind"}, 1),
    "a rebase puts an older state over a newer": (rebased, {"supersedes", "median", "kind"}, 4),
    "the waiver has expired": (lambda site: waived(site, days=-1.0), {"waiver_expired"}, 1),
    "the waiver never ends": (lambda site: waived(site, days=300.0), {"waiver_too_long"}, 1),
    "the waiver is for another change": (changed_after_the_waiver, {"waiver_other_change"}, 1),
    "the waiver allows something else": (
        lambda site: waived(site, change=lambda one: replace(one, allows=("a smaller thing",))), {"waiver_allows"}, 1,
    ),
    "the waiver is signed by its own key": (trusted_by_the_change_itself, {"waiver_unknown_key"}, 1),
    "the waiver is signed by who may not": (lambda site: waived(site, principal=BOB), {"waiver_role"}, 1),
    "the change gives the role": (promoted_by_the_change_itself, {"waiver_role"}, 1),
    "the waiver names another signer": (
        lambda site: waived(site, principal=ALICE, key=site.key(BOB)), {"waiver_signer"}, 1,
    ),
    "the waiver's key was revoked": (revoked_meanwhile, {"waiver_revoked_key"}, 1),
    "the waiver is altered": (lambda site: waived(site, alter=with_another_reason), {"waiver_bad_signature"}, 4),
    "the waiver is a manifest's signature": (
        lambda site: waived(site, namespace=MANIFEST_NAMESPACE), {"waiver_namespace"}, 1,
    ),
}  # fmt: skip


LIKE_ANOTHER = {
    *("a limit is set", "a limit is dropped", "a floor is raised", "the size class is another"),
    *("the configuration is another", "attributes beside the files hide it", "those of an environment are"),
    *("directories differ in capitals", "the directory becomes a link", "the waiver never ends"),
    *("the waiver names another signer", "the waiver is a manifest's signature", "the change gives the role"),
}
"""Tricks that differ from another one in the place only."""


@pytest.mark.parametrize(
    "trick", [pytest.param(name, marks=pytest.mark.slow) if name in LIKE_ANOTHER else name for name in TRICKS]
)
def test_each_trick_is_refused_with_its_own_reason(site, trick):
    play, reasons, code = TRICKS[trick]
    play(site)
    assert site.check() == (code, reasons)


def test_numbers_edited_by_hand_are_an_altered_file(site):
    text = site.path().read_text()
    old = site.read().metric("duration_s").current.runs[0].value
    site.path().write_text(text.replace(f'"value": "{old}"', '"value": "99"', 1))
    site.commit()
    code, out, errors = site.say("baseline", "check", "--base", "origin/main")
    assert (code, out) == (4, "")
    assert f"HEAD at {site.head[:12]}:baselines/{PROFILE}/loaded.json:" in errors


def test_numbers_whose_digests_were_made_anew_are_not_those_of_the_ledger(site):
    changed(site, moved(0.9))
    assert site.check() == (0, set())
    code, out, _ = site.say("baseline", "check", "--base", "origin/main")
    assert code == 4
    assert "refused (recomputed): duration_s of loaded" in out
    assert "other value" in out


def test_runs_that_the_ledger_does_not_hold_but_should_are_invented(site):
    def invented(entry, **facts):
        runs = tuple(replace(run, run_id=f"made-up-{place}") for place, run in enumerate(entry.current.runs))
        return replace(entry, current=replace(entry.current, runs=runs, **facts))

    changed(site, invented)
    code, out, _ = site.say("baseline", "check", "--base", "origin/main")
    assert code == 4
    assert "the ledger has no value" in out
    changed(site, lambda entry: invented(entry, checkpoint=None))
    code, out, _ = site.say("baseline", "check", "--base", "origin/main")
    assert code == 3
    assert "not recomputed: duration_s of loaded" in out


def test_a_file_that_was_only_renamed_is_sent_back(site):
    site.git("mv", f"baselines/{PROFILE}/loaded.json", f"baselines/{PROFILE}/other.json")
    site.commit()
    code, out, errors = site.say("baseline", "check", "--base", "origin/main")
    assert (code, out) == (2, "")
    assert f"other.json:1: the baseline of 'loaded' belongs at {PROFILE}/loaded.json" in errors


def test_no_tag_or_branch_takes_the_place_of_the_protected_one(site):
    changed(site, moved(1.3))
    site.git("tag", "origin/main")
    site.git("branch", "origin/main")
    site.git("branch", "-f", "main")
    assert site.check()[0] == 1
    assert site.say("baseline", "check", "--no-recompute")[0] == 1


def test_what_is_not_committed_is_not_judged(site):
    site.forge(moved(1.3))
    assert site.check() == (0, set())
