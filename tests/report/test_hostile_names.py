"""Names that others chose, in every format: they are data in each, whatever is in them."""

import io
import json
import re
import shlex
import subprocess
import unicodedata
import xml.etree.ElementTree as ET
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_fd_to_metric_families

from ledger.report.ci import FORMATS
from ledger.report.ci.escape import block, code, quoted, text
from ledger.report.ci.markdown import COMMENT_LIMIT
from tests.report.answers import HOSTILE, every_state
from tests.report.reading import Page, commands, rendered

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
GAP = "\u200b"
OURS = {"h3", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "br", "pre", "ul", "li", "details",
        "summary", "sub"}  # fmt: skip
LINKING = re.compile(
    r"(?<![\w`])@\w|#\d|\bGH-\d|(?:https?|ftp)://|\bwww\.\w|\w@\w+\.\w|(?:mailto|xmpp):\w|:[\w+-]+:", re.IGNORECASE
)
NAMES = st.one_of(
    st.sampled_from(sorted(HOSTILE.values())),
    st.text(max_size=40),
    st.text(st.sampled_from("ab1 @#:/.!<>&|`*_[]()~$\\\"'-+=^{}\n\r\t\0\u202e\u200b\ud800%,;"), max_size=40),
    st.lists(st.sampled_from(sorted(HOSTILE.values())), max_size=3).map("".join),
)
MANY = settings(deadline=None, max_examples=40)


def visible(found: str) -> bool:
    """Return whether a text holds nothing that cannot be seen, but for the gaps that keep names from linking."""
    return all(unicodedata.category(character) not in HIDDEN for character in found.replace(GAP, "").replace("\n", ""))


@pytest.mark.parametrize("form", FORMATS)
@MANY
@given(name=NAMES)
def test_every_format_can_be_written_as_utf_8_on_lines_of_its_own(form, name):
    written = FORMATS[form].write(every_state(name))
    written.encode("utf-8", "backslashreplace").decode()
    assert written.endswith("\n")
    if form != "json":
        assert visible(written)


@pytest.mark.parametrize("form", ["markdown", "comment"])
@MANY
@given(name=NAMES)
def test_no_name_becomes_markup_a_link_an_image_or_a_mention(form, name):
    written = FORMATS[form].write(every_state(name))
    page = Page(rendered(written))
    assert set(page.tags) <= OURS
    assert page.tags.count("table") == 3
    assert page.tags.count("details") <= 2
    assert set(page.attributes) <= {("code", "class", "language-sh")}
    assert len(page.comments) == (form == "comment")
    assert LINKING.search(page.prose) is None
    assert all(len(row) == 5 for row in page.rows)
    assert len(page.rows) == 3 + 6


@MANY
@given(name=NAMES)
def test_inline_markdown_renders_as_the_text_it_was_made_of(name):
    assert "<a" not in rendered(text(name, 10**6))
    page = Page(rendered(f"x {text(name, 10**6)}\n\n- {text(name)}\n\n| a |\n|---|\n| {code(name)} |\n"))
    assert set(page.tags) <= {"p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    shown = "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in HIDDEN else character
        for character in name
    )
    assert " ".join(page.prose.replace(GAP, "").partition("\n")[0].split()) == " ".join(f"x {shown}".split())


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.sampled_from(
    [name for name in HOSTILE.values() if "\0" not in name and "\ud800" not in name]))  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_a_shell_reads_a_quoted_word_as_the_name(name):
    word = quoted(name)
    assert visible(word)
    assert "\n" not in word
    done = subprocess.run(
        ["bash", "-c", f"printf '%s|' {word}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == f"{name}|"


@given(st.lists(st.text(st.characters(categories=["L", "P", "S"]), max_size=20) | st.just("````") | st.just("```sh")))
def test_no_line_ends_the_block_it_stands_in(lines):
    page = Page(rendered("\n".join([*block(lines), "", "after"])))
    assert page.code == "".join(f"{line}\n" for line in lines)
    assert page.prose.strip() == "after"


@MANY
@given(name=NAMES)
def test_annotations_are_our_commands_only_and_give_back_what_was_said(name):
    found = commands(FORMATS["github"].write(every_state(name)))
    assert len(found) == 7
    assert {kind for kind, _, _ in found} <= {"error", "warning", "notice"}
    assert all(set(properties) <= {"title", "file", "line"} for _, properties, _ in found)
    assert {properties["file"] for _, properties, _ in found[1:]} <= {"baselines/small/loaded.json", "config/base.yaml"}


@MANY
@given(name=NAMES)
def test_xml_holds_every_name_in_its_attribute(name):
    written = FORMATS["junit"].write(every_state(name))
    root = ET.fromstring(written)  # noqa: S314 - written by ourselves a line above
    (suite,) = root
    cases = suite.findall("testcase")
    assert len(cases) == 8
    assert {child.tag for case in cases for child in case} <= {"failure", "skipped", "error", "system-out"}
    assert len({case.get("classname") for case in cases}) <= 3


@MANY
@given(name=NAMES)
def test_sarif_has_no_name_in_its_rules_and_no_link_in_its_messages(name):
    (run,) = json.loads(FORMATS["sarif"].write(every_state(name)))["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["DL1001", "DL2001", "DL2002"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert not re.search(r"\[[^\]]*\]\(", result["message"]["text"])
        assert len(result["message"]["text"]) <= 1000


@MANY
@given(name=NAMES)
def test_code_quality_is_told_in_one_line_each_and_stands_apart_by_its_fingerprint(name):
    issues = json.loads(FORMATS["gitlab"].write(every_state(name)))
    assert [issue["severity"] for issue in issues] == ["critical", "critical", "major"]
    assert len({issue["fingerprint"] for issue in issues}) == 3


@MANY
@given(name=NAMES)
def test_a_strict_parser_reads_the_metrics_and_so_does_gitlab(name):
    written = FORMATS["metrics"].write(every_state(name))
    families = {family.name: family for family in text_fd_to_metric_families(io.StringIO(written))}
    samples = families["dagster_ledger_candidate_value"].samples
    assert len(samples) == 5
    assert len({tuple(sample.labels.items()) for sample in samples}) == 5
    for line in written.splitlines():
        read = shlex.split(re.sub("#.*", "", line))
        assert len(read) in {0, 2}
        assert not read or float(read[1]) is not None


@MANY
@given(first=NAMES, second=NAMES)
def test_two_names_are_two_labels(first, second):
    shown = [FORMATS["metrics"].write(every_state(name)) for name in (first, second)]
    assert (shown[0] == shown[1]) == (first == second)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_document_keeps_names_as_they_are(name):
    written = FORMATS["json"].write(every_state(HOSTILE[name])).encode("utf-8", "backslashreplace")
    found = json.loads(written)
    assert {row["asset"] for row in found["findings"]} == {HOSTILE[name]}
    jsonschema.validate(found, json.loads((files("ledger.report") / "gate.schema.json").read_text()))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_comment_is_short_enough_whatever_it_is_about(name):
    assert len(FORMATS["comment"].write(every_state(HOSTILE[name] * 50)).encode()) <= COMMENT_LIMIT
