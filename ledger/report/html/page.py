"""Puts the page together: shell, styles, scripts and data, in one file.

Rules:
- The policy in the file names each script and style by its digest; nothing else runs, and nothing is loaded. The live
  view may ask its own server for newer data, and nothing else.
- Scripts are modules beside this one, joined in the order of ``MODULES`` with their imports taken out: a browser cannot
  import from inside of one file.
- Data stands in the file as base64 of deflated JSON, which has no character that could end the element it stands in.
"""

import base64
import hashlib
import html
import json
import re
import zlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ledger.report.html.payload import payload
from ledger.report.overview import Overview
from ledger.report.text import printable

MODULES: Final = (
    "dom",
    "units",
    "data",
    "state",
    "words",
    "evidence",
    "summary",
    "gate",
    "readiness",
    "drawing",
    "chart",
    "cards",
    "table",
    "filters",
    "runs",
    "progress",
    "keys",
    "main",
)
"""Scripts in the order they are joined: each may use what comes before it."""

STYLES: Final = ("base", "parts", "charts", "narrow", "print")

_IMPORT: Final = re.compile(r"^import \{[^}]*\} from \"\./[a-z]+\.js\";\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=async function|function|const|class|let)", re.MULTILINE)
_SLOT: Final = re.compile(r"\{\{(\w+)\}\}")
_LONGEST: Final = 300
_WBITS_RAW: Final = -15


def page(overview: Overview, *, live_every_s: float | None = None, digest: str = "") -> str:
    """Return the report as one HTML file.

    Args:
        overview: What is shown.
        live_every_s: Seconds after which the page asks its server for news; ``None`` for a file that asks nobody.
        digest: What the server calls this state of the report.
    """
    style, library, script = (_text(name) for name in ("style", "library", "script"))
    slots = {
        "policy": policy(live=live_every_s is not None),
        "title": html.escape(printable(overview.title, _LONGEST)),
        "style": style,
        "library": library,
        "script": script,
        "summary": "".join(f"<li>{html.escape(line)}</li>" for line in _lines(overview)),
        "live": "" if live_every_s is None else f"{live_every_s:g} {digest}",
        "data": packed(payload(overview)),
    }
    return _SLOT.sub(lambda slot: slots[slot[1]], _file("shell.html"))


def policy(*, live: bool = False) -> str:
    """Return the content security policy of the page (W3C, Content Security Policy Level 3).

    Args:
        live: Whether the page may ask its own server for newer data.
    """
    scripts = " ".join(_digest(_text(name)) for name in ("library", "script"))
    asks = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_digest(_text('style'))}; {asks}"
        "base-uri 'none'; form-action 'none'"
    )


def packed(value: dict[str, Any]) -> str:
    """Return data as base64 of raw deflate (RFC 1951) of ASCII JSON."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    squeezed = zlib.compressobj(9, zlib.DEFLATED, _WBITS_RAW)
    return base64.b64encode(squeezed.compress(text) + squeezed.flush()).decode("ascii")


@cache
def _text(what: str) -> str:
    """Return the text of an element: the style, the charting library, or the script."""
    if what == "style":
        return "\n".join([_file("vendor/uplot/uPlot.min.css"), *(_file(f"{name}.css") for name in STYLES)])
    if what == "library":
        return _file("vendor/uplot/uPlot.iife.min.js")
    return "\n".join(_joined(name) for name in MODULES)


def _joined(name: str) -> str:
    """Return a module as it stands among the others."""
    return _EXPORT.sub("", _IMPORT.sub("", _file(f"{name}.js")))


@cache
def _file(name: str) -> str:
    return files("ledger.report.html").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _lines(overview: Overview) -> list[str]:
    """Return what a browser without scripts shows: the verdicts in a sentence each."""
    found = overview.readiness.assessment
    lines = [f"Readiness was not judged: {overview.readiness.why}"]
    if found is not None:
        names = ", ".join(item.name for item in found.blockers)
        lines = ["Ready." if found.ready else f"Not ready; blocked by {names}."]
    for gate in overview.gates:
        answer = gate.answer
        said = gate.why if answer is None else f"{answer.verdict.outcome}: {answer.verdict.sentence}"
        lines.append(f"Gate of {gate.job}: {said}")
    return [printable(line, _LONGEST) for line in lines]
