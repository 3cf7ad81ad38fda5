"""Ways past a verifier that leave the manifest itself alone: another past, a link, a change that git does not see."""

import shutil

import pytest

from ledger.service.readiness.manifests import subjects_of
from tests.readiness.forging import envelope_of, reason_in, resigned, shell, written
from tests.readiness.site import BEFORE, RUNS, Site, approved, git, said

pytestmark = pytest.mark.slow  # the shell verifier takes a second each time


def verified(site: Site, path, *words: str) -> str:
    """Return the reason both verifiers give, empty where both take it."""
    code, _, errors = said(site.project, "manifest", "verify", str(path), *words, "--ledger", str(site.ledger))
    reason = reason_in(errors) if code else ""
    assert (code, reason) in {(0, ""), (4, reason)}, errors
    in_shell, told = shell(site, path)
    assert (in_shell, told if in_shell else "") == (code, reason)
    return reason


def keep_accepted(site: Site, data: bytes) -> None:
    """Have the protected ref keep a manifest as the one accepted last, as a pull request after a deployment does."""
    other = site.place / "elsewhere"
    git(site.place, "clone", "-q", str(site.place / "origin.git"), str(other))
    kept = other / "config" / "trust" / "accepted" / "prod.json"
    kept.parent.mkdir()
    kept.write_bytes(data)
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "deployed")
    git(other, "push", "-q", "origin", "HEAD:main")
    git(site.project, "fetch", "-q", "origin")
    shutil.rmtree(other)


def rewritten(site: Site, count: int = RUNS) -> None:
    """Write the whole ledger anew under its old name, with other runs and without what was signed."""
    name = (site.ledger / "FORMAT").read_text()
    shutil.rmtree(site.ledger)
    site.store()
    (site.ledger / "FORMAT").write_text(name)
    site.runs(0, BEFORE, git(site.project, "rev-list", "--max-parents=0", "HEAD"))
    site.runs(BEFORE, count, site.commit)
    site.smoke(site.commit)


def test_a_ledger_written_anew_is_refused_where_git_keeps_what_was_accepted(own):
    keep_accepted(own, (own.place / "manifest.json").read_bytes())
    assert verified(own, own.place / "manifest.json", "--replay") == ""
    rewritten(own, RUNS + 4)
    assert "ledger_verifies" in own.run("readiness", "check", "--format", "json", code=1)
    path = own.place / "manifest.json"
    code, _, errors = said(own.project, "manifest", "verify", str(path), "--ledger", str(own.ledger))
    assert (code, reason_in(errors)) == (4, "checkpoint")


def test_a_manifest_for_the_ledger_written_anew_is_refused_by_what_git_keeps(own):
    accepted = (own.place / "manifest.json").read_bytes()
    rewritten(own, RUNS + 4)
    forged = approved(own)
    assert verified(own, forged, "--replay") == ""
    keep_accepted(own, accepted)
    code, _, errors = said(own.project, "manifest", "verify", str(forged), "--replay", "--ledger", str(own.ledger))
    assert (code, reason_in(errors)) == (4, "previous")


def test_an_older_manifest_is_refused_once_a_newer_one_was_accepted(own):
    older = (own.place / "manifest.json").read_bytes()
    newer = approved(own)
    keep_accepted(own, newer.read_bytes())
    assert verified(own, newer) == ""
    assert verified(own, written(own, older)) == "previous"


def test_the_next_manifest_goes_on_from_what_git_keeps(own):
    keep_accepted(own, (own.place / "manifest.json").read_bytes())
    assert verified(own, approved(own), "--replay") == ""


def test_a_manifest_of_another_environment_is_no_anchor(own):
    keep_accepted(own, resigned(own, lambda told: told["predicate"].update(environment="test")).read_bytes())
    code, _, errors = said(
        own.project, "manifest", "verify", str(own.place / "manifest.json"), "--ledger", str(own.ledger)
    )
    assert (code, reason_in(errors)) == (4, "trust_root")


def linked(site: Site) -> str:
    baseline = next((site.project / "baselines").glob("*/*.json"))
    link = site.project / "baselines" / "other" / baseline.name
    link.parent.mkdir()
    link.symlink_to(f"../{baseline.parent.name}/{baseline.name}")
    return site.commit_all("a link")


def test_a_link_among_the_committed_baselines_is_refused_by_both(own):
    commit = linked(own)

    def about_it(told):
        told["predicate"].update(commit=commit, resourceUri=f"git:{commit}")
        (told["subject"][0]["digest"]["sha256"],) = subjects_of((), own.project, commit).values()

    assert verified(own, resigned(own, about_it)) == "baselines"


def test_no_manifest_is_built_of_linked_baselines(site):
    commit = linked(site)
    site.publish()
    site.runs(BEFORE + RUNS, RUNS, commit)
    site.smoke(commit)
    code, _, errors = said(
        site.project, "manifest", "build", "-o", str(site.place / "m.json"), "--ledger", str(site.ledger)
    )
    assert code == 2
    assert "is no file of its own" in errors


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_see_is_refused_by_both(own, flag):
    git(own.project, "update-index", flag, "config/base.yaml")
    base = own.project / "config" / "base.yaml"
    base.write_text(f"{base.read_text()}# more\n")
    assert git(own.project, "status", "--porcelain") == ""
    assert verified(own, own.place / "manifest.json") == "dirty"


def test_a_baseline_beyond_those_of_the_commit_is_refused_by_both(own):
    baseline = next((own.project / "baselines").glob("*/*.json"))
    baseline.with_name("more.json").write_bytes(baseline.read_bytes())
    assert verified(own, own.place / "manifest.json") == "dirty"


@pytest.mark.parametrize(("name", "value"), [("tar.umask", "0077"), ("core.autocrlf", "true"), ("core.eol", "crlf")])
def test_settings_of_whoever_verifies_change_no_digest(own, name, value):
    git(own.project, "config", name, value)
    assert verified(own, own.place / "manifest.json") == ""


def test_a_statement_with_other_names_than_in_totos_is_refused_by_both(own):
    def renamed(told):
        told["kind"] = told.pop("_type")
        told["predicate_type"] = told.pop("predicateType")

    assert verified(own, resigned(own, renamed)) == "statement"


ENVELOPES = {
    "a byte order mark": (b"\xef\xbb\xbf%b", "not_an_envelope"),
    "a byte that is no UTF-8": (b"%b\xff", "not_an_envelope"),
    "two lists of signatures": (b'{"signatures": [],%b', "duplicate_key"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_spellings_that_jq_would_take_are_refused_by_both(own, name):
    shape, reason = ENVELOPES[name]
    data = (own.place / "manifest.json").read_bytes()
    changed = shape % (data.lstrip()[1:] if shape.startswith(b"{") else data)
    assert verified(own, written(own, changed)) == reason


def test_a_line_feed_inside_a_text_is_no_json_for_either(own):
    data = (own.place / "manifest.json").read_bytes()
    keyid = envelope_of(own).signatures[0].keyid.encode()
    assert verified(own, written(own, data.replace(keyid, keyid + b"\n"))) == "not_an_envelope"
