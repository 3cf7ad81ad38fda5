"""The page: it holds everything, runs only what it names, and nothing that a name holds gets out of its data."""

import base64
import hashlib
import io
import json
import re
import zlib
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from ledger.report import overview_csv, overview_document, overview_markdown
from ledger.report.html import page, payload
from ledger.report.html.page import MODULES, policy
from ledger.report.overview import GateSection, ReadinessSection
from tests.report.answers import HOSTILE
from tests.report.overviews import chart, hostile, large, overview
from tests.report.reading import Page, rendered

PLACE = files("ledger.report.html")
DANGEROUS = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
             "setAttribute('on", ".cssText", "javascript:", "DOMParser", "createContextualFragment")  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.texts, self._inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._inside = tag if tag in {"script", "style"} else None
        if self._inside:
            self.texts.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.texts[-1][2] += data


def data_of(text):
    (packed,) = [body for tag, attributes, body in Elements(text).texts if attributes.get("id") == "data"]
    return json.loads(zlib.decompress(base64.b64decode(packed), -15))


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_every_script_and_style_and_lets_nothing_be_loaded():
    found = Elements(page(overview()))
    (content,) = [attributes["content"] for tag, attributes in found.found if attributes.get("http-equiv")]
    assert content.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in content
    assert "connect-src" not in content
    own = [body for tag, attributes, body in found.texts if attributes.get("id") != "data"]
    assert len(own) == 3
    assert {digest(body) for body in own} == set(re.findall(r"'sha256-[^']+'", content))
    for tag, attributes in found.found:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style"}], tag
        assert attributes.get("href", "#").startswith("#")
    assert "connect-src 'self'" in policy(live=True)


def test_no_script_makes_markup_of_text_or_code_of_data():
    for name in MODULES:
        text = PLACE.joinpath(f"{name}.js").read_text()
        assert [word for word in DANGEROUS if word in text] == [], name
        assert "</script" not in text


def test_modules_use_what_modules_before_them_export_and_no_two_declare_the_same_name():
    declared = {}
    for name in MODULES:
        text = PLACE.joinpath(f"{name}.js").read_text()
        for wanted, source in re.findall(r'^import \{ ([^}]*) \} from "\./(\w+)\.js";$', text, re.MULTILINE):
            for one in wanted.split(", "):
                assert declared.get(one) == source, f"{name} imports {one} of {source}"
        assert text.count("import ") == len(re.findall(r"^import ", text, re.MULTILINE))
        own = re.findall(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
        own += [one for pair in re.findall(r"^const \[(.*?)\] =", text, re.MULTILINE) for one in pair.split(", ")]
        assert not declared.keys() & set(own), name
        declared |= dict.fromkeys(own, name)
    assert {path.name for path in PLACE.iterdir() if path.name.endswith(".js")} == {f"{name}.js" for name in MODULES}


def test_the_charting_library_is_the_one_that_was_published():
    place = PLACE.joinpath("vendor", "uplot")
    told = json.loads(place.joinpath("provenance.json").read_text())
    assert told["files"].keys() == {"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"}
    for name, sha256 in told["files"].items():
        assert hashlib.sha256(place.joinpath(name).read_bytes()).hexdigest() == sha256
    assert told["version"] in place.joinpath("uPlot.iife.min.js").read_text()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_stands_in_the_data_as_it_is_and_nowhere_as_markup(name):
    text = page(hostile(HOSTILE[name]))
    plain = Elements(page(overview(title="plain"))).found
    found = Elements(text).found
    assert [tag for tag, _ in found if tag != "li"] == [tag for tag, _ in plain if tag != "li"]
    assert data_of(text)["charts"][0]["asset"] == HOSTILE[name]
    text.encode("utf-8", "strict")


def test_the_data_says_what_the_document_says():
    shown = overview()
    told, document = json.loads(json.dumps(payload(shown))), overview_document.document(shown)
    assert json.loads(json.dumps(document)) == document
    for drawn, whole in zip(told["charts"], document["charts"], strict=True):
        assert drawn["values"] == [float(f"{point['value']:.6g}") for point in whole["points"]]
        runs = [told["runs"]["id"][place] for place in told["run_sets"][drawn["runs"]]]
        assert runs == [point["run_id"] for point in whole["points"]]
        commits = [drawn["commits"].get(str(n), told["runs"]["commit"][r]) for n, r in
                   enumerate(told["run_sets"][drawn["runs"]])]  # fmt: skip
        assert commits == [point["commit"][:12] for point in whole["points"]]
    assert [row["state"] for row in told["gates"][0]["findings"]] == [
        row["state"] for row in document["gates"][0]["answer"]["findings"]
    ]
    assert document["readiness"]["answer"]["blockers"] == ["quality_gates"]
    assert told["readiness"]["items"][1]["evidence"] == document["readiness"]["answer"]["items"][1]["evidence"]


def test_a_value_that_is_no_number_is_a_gap_and_a_run_of_another_commit_says_so():
    odd = chart("other", values=[1.0, float("nan"), 3.0], commits=("c" * 40, None, "d" * 40))
    told = payload(overview((chart(), odd)))["charts"][1]
    assert told["values"] == [1.0, None, 3.0]
    assert told["commits"] == {"0": "c" * 12, "1": None, "2": "d" * 12}


def test_what_could_not_be_had_is_told_with_why():
    shown = overview((), gates=(GateSection("enrich", None, "no runs fit"),), readiness=ReadinessSection(why="no root"))
    written = overview_markdown.markdown(shown)
    for words in ("It could not be asked: no runs fit", "Readiness was not judged: no root", "No histories."):
        assert words in written
        assert words.rpartition(": ")[2] in json.dumps(payload(shown)) or words == "No histories."
    assert "no root" in page(shown)


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_renders_as_text_whatever_names_hold(name):
    found = Page(rendered(overview_markdown.markdown(hostile(HOSTILE[name]))))
    ours = {
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "strong",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "pre",
        "ul",
    }
    assert set(found.tags) <= ours | {"li", "details", "summary", "sub"}


def test_a_row_per_series_for_spreadsheets():
    out = io.StringIO()
    overview_csv.write(overview(), out)
    header, *lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert header.split(",")[:4] == ["series_id", "asset", "partition", "metric"]
    assert "accepted_limit" in header


@pytest.mark.slow
def test_a_report_of_600_000_values_is_one_file_of_a_few_megabytes():
    text = page(large())
    assert len(text) < 5 * 2**20
    assert len(data_of(text)["charts"]) == 1200
