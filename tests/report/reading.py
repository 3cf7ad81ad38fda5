"""Reads what was written as its reader would: GitHub's own Markdown library, and the runner's workflow commands."""

import re
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

_EXTENSIONS = ["table", "autolink", "strikethrough", "tasklist", "tagfilter"]
_COMMAND = re.compile(r"^::(?P<kind>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<message>.*)$")


def rendered(markdown: str) -> str:
    """Return the HTML that GitHub's Markdown library makes, raw HTML let through as GitHub does before it cleans up."""
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    return cmarkgfm.markdown_to_html_with_extensions(markdown, options=options, extensions=_EXTENSIONS)


class Page(HTMLParser):
    """What is on a page: its tags, its attributes, and its text inside and outside of code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.comments: list[str] = []
        self.prose = ""
        self.code = ""
        self.rows: list[list[str]] = []
        self._inside = 0
        self.feed(html)
        self.close()
        self.rows = [[cell.strip().replace("\u00a0", " ") for cell in row] for row in self.rows]

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._inside += tag in {"code", "pre"}
        if tag == "br":
            self.handle_data("\n")
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._inside -= tag in {"code", "pre"}

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        if self._inside:
            self.code += data
        else:
            self.prose += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the workflow commands in a text, as the runner of GitHub Actions reads them; every line has to be one."""
    found = []
    for line in text.removesuffix("\n").split("\n"):
        hit = _COMMAND.match(line)
        assert hit is not None, line
        pairs = [pair.partition("=") for pair in (hit["properties"] or "").split(",") if pair]
        found.append((hit["kind"], {name: _read(value) for name, _, value in pairs}, _read(hit["message"])))
    return found


def _read(value: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(escape, character)
    return value
