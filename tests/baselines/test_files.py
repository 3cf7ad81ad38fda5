"""Baseline files that are no baselines any more: told with file and line, never passed over."""

import json
import subprocess

import pytest

from tests.baselines.site import GATE, PROFILE, Site

CONFLICT = "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n"


def text_of(site: Site) -> str:
    return site.path().read_text()


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def spoiled(name: str, text: str) -> tuple[bytes, int, str]:
    """Return the bytes of a file that was spoiled, and the line and words that it is refused with."""
    schema = '"schema": 1'
    unit, cut = line_of(text, '"unit"'), text[: text.rindex('"unit"') + len('"unit": ')]
    table = {
        "unreadable": (cut.encode(), cut.count("\n") + 1, "the file ends in the middle of a value"),
        "no JSON": (b"hello\n", 1, "is not JSON"),
        "empty": (b"", 1, "the file ends"),
        "another schema": (text.replace(schema, '"schema": 2').encode(), line_of(text, schema), "schema is 2"),
        "a key twice": (
            text.replace('"unit": "s"', '"unit": "s",\n      "unit": "s"', 1).encode(), unit + 1, "is already there",
        ),
        "not UTF-8": (text.encode().replace(b'"unit": "s"', b'"unit": "\xff"', 1), unit, "is not UTF-8"),
        "carriage returns": (text.replace("\n", "\r\n").encode(), 1, "carriage return"),
        "a merge left open": (f"{text}{CONFLICT}".encode(), text.count("\n") + 1, "a merge left"),
        "a byte order mark": (b"\xef\xbb\xbf" + text.encode(), 1, "byte order mark"),
        "an unknown field": (
            text.replace('"unit": "s"', '"unit": "s",\n      "units": "s"', 1).encode(), unit + 1, "no field 'units'",
        ),
        "another spelling": (json.dumps(json.loads(text)).encode(), 1, "not spelled as it is written"),
    }  # fmt: skip
    return table[name]


NAMES = (
    *("unreadable", "no JSON", "empty", "another schema", "a key twice", "not UTF-8", "carriage returns"),
    *("a merge left open", "a byte order mark", "an unknown field", "another spelling"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_spoiled_file_is_told_with_its_line_in_a_commit_and_in_the_work_tree(site, name):
    data, line, words = spoiled(name, text_of(site))
    (site.project / ".gitattributes").unlink()  # What git is told to mend it would.
    site.path().write_bytes(data)
    code, out, errors = site.say("baseline", "show")
    assert (code, out) == (2, "")
    assert f"baselines/{PROFILE}/loaded.json:{line}: " in errors
    assert words in errors
    site.commit()
    code, out, errors = site.say("baseline", "check", "--base", "origin/main", "--no-recompute")
    assert (code, out) == (2, "")
    assert f"HEAD at {site.head[:12]}:baselines/{PROFILE}/loaded.json:{line}: " in errors
    assert words in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["unreadable", "a merge left open"])
def test_the_gate_and_the_difference_never_pass_over_one(site, name):
    data, line, _ = spoiled(name, text_of(site))
    site.path().write_bytes(data)
    site.runs(20, commit=site.commit())
    for words in (GATE, ("baseline", "diff", "origin/main..HEAD")):
        code, out, errors = site.say(*words)
        assert (code, out) == (2, "")
        assert f"loaded.json:{line}: " in errors


def test_a_file_with_other_numbers_is_altered_for_every_command(site):
    text = text_of(site)
    median = site.read().metric("duration_s").current.median
    site.path().write_text(text.replace(f'"median": "{median}"', '"median": "99"', 1))
    line = line_of(text, f'"median": "{median}"')
    site.runs(20, commit=site.commit())
    for words in (GATE, ("baseline", "check", "--base", "origin/main"), ("baseline", "show")):
        code, out, errors = site.say(*words)
        assert (code, out) == (4, "")
        assert f"loaded.json:{line}: " in errors


WAIVERS = {
    "no signature": (lambda text: text.partition("-----BEGIN")[0], "there is no SSH signature"),
    "another version": (lambda text: text.replace(" v1", " v2", 1), "the file does not begin with"),
    "a line too many": (lambda text: text.replace("reason:", "because: 1\nreason:", 1), "'reason' is missing"),
    "no moment": (lambda text: text.replace("expires: 2", "expires: x", 1), "is no moment"),
    "no digest": (lambda text: text.replace("\nwas: ", "\nwas: z", 1), "'was' is no digest"),
    "another spelling": (lambda text: text.replace('signer: "', 'signer:  "', 1), "is not spelled as it is written"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WAIVERS)
def test_a_waiver_that_cannot_be_read_is_told_with_its_line(site, name):
    spoil, words = WAIVERS[name]
    site.run("baseline", "retire", "loaded", "cpu_s", "--reason", "r", "--write")
    site.commit()
    site.waive()
    (path,) = (site.project / "baselines" / "waivers").rglob("*.waiver")
    path.write_text(spoil(path.read_text()))
    site.commit()
    code, out, errors = site.say("baseline", "check", "--base", "origin/main", "--no-recompute")
    assert (code, out) == (2, "")
    assert f"{path.name}:" in errors
    assert words in errors


def test_ssh_keygen_verifies_a_waiver_with_the_file_of_the_protected_branch(site):
    site.run("baseline", "retire", "loaded", "cpu_s", "--reason", "r", "--write")
    site.commit()
    site.waive()
    (path,) = (site.project / "baselines" / "waivers").rglob("*.waiver")
    text, mark, rest = path.read_text().partition("-----BEGIN")
    (site.place / "sig").write_text(mark + rest)
    words = ("ssh-keygen", "-Y", "verify", "-f", str(site.project / "config/trust/allowed_signers"))
    who = ("-I", "alice@example.org", "-n", "dagster-ledger-baseline@v1", "-s", str(site.place / "sig"))
    done = subprocess.run([*words, *who], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
