"""Shows what changed about baselines: as text, as Markdown for a pull request, and for programs.

Rules:
- A change is one row: what was, what is, which kind, and why. What it gives up is named below it.
- What others named is made harmless: nothing of it is markup, a link, a mention or another line.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, TextIO

from ledger.baselines import Baseline, EntryChange, MetricBaseline
from ledger.baselines.changing import GivenUp
from ledger.baselines.model import decimal_text
from ledger.report.text import printable
from ledger.units import format_value

_MARKUP: Final = re.compile(r"([\\`*_\[\]|~])")
_CALLING: Final = re.compile(r"([@#]|:(?=//)|www(?=\.))")
"""What calls people, names issues and becomes a link by itself: a space without width breaks it."""
_LONGEST: Final = 300
_NOTHING: Final = "—"


def write(changes: Sequence[EntryChange], others: Iterable[GivenUp], out: TextIO) -> None:
    """Write changes for people, a line each and what they give up below it.

    Args:
        changes: The changes.
        others: What is given up besides, such as settings.
        out: Where to.
    """
    for one in changes:
        profile, asset, partition, metric = one.subject
        part = f" ({partition})" if partition is not None else ""
        out.write(printable(f"{one.kind}: {metric} of {asset}{part} on {profile}: {_moved(one)}", _LONGEST) + "\n")
        if one.reason is not None:
            out.write(f"  why: {printable(one.reason, _LONGEST)}\n")
        out.writelines(f"  gives up: {printable(what.what, _LONGEST)}\n" for what in one.loosenings)
    for other in others:
        out.write(printable(f"loosen: {other.name}", _LONGEST) + "\n")
        out.writelines(f"  gives up: {printable(what.what, _LONGEST)}\n" for what in other.loosenings)


def markdown(changes: Sequence[EntryChange], others: Sequence[GivenUp] = ()) -> str:
    """Return changes as a table of Markdown, and below it what they give up."""
    lines = ["| asset | metric | machine | change | was → is | why |", "|---|---|---|---|---|---|"]
    for one in changes:
        profile, asset, partition, metric = one.subject
        name = asset if partition is None else f"{asset} ({partition})"
        cells = (name, metric, profile, one.kind, _moved(one), one.reason or _NOTHING)
        lines.append(f"| {' | '.join(_safe(cell) for cell in cells)} |")
    if not changes:
        lines = ["No metric's baseline changes."]
    given_up = [*(one.given_up for one in changes if one.given_up is not None), *others]
    if given_up:
        lines += ["", "**Gives up:**", ""]
        lines += [f"- {_safe(one.name)}: {_safe('; '.join(what.what for what in one.loosenings))}" for one in given_up]
    return "\n".join(lines) + "\n"


def pull_request_body(changes: Sequence[EntryChange], reason: str) -> str:
    """Return the body of a pull request that changes baselines, Markdown.

    Args:
        changes: What it changes.
        reason: Why.
    """
    given_up = [one.given_up for one in changes if one.given_up is not None]
    look = [
        "the numbers are medians of the named runs; `dagster-ledger baseline check` recomputes them from the ledger",
        "the code that was measured is the code that you want to be held to",
    ]
    if given_up:
        look.append(
            "**this lets more pass than before**: somebody who may has to sign it with `dagster-ledger baseline waive`,"
            " and that file belongs in this pull request"
        )
    if any(one.is_rebased for one in changes):
        look.append("other packages or another configuration were measured: check that they are meant")
    counts = {kind: sum(one.kind == kind for one in changes) for kind in sorted({one.kind for one in changes})}
    counted = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"
    return "\n".join(
        [
            "## Baselines",
            "",
            f"Changes what is accepted: {counted}.",
            "",
            f"**Why:** {_safe(reason)}",
            "",
            markdown(changes).rstrip("\n"),
            "",
            "### What to look at",
            "",
            *(f"- {what}" for what in look),
            "",
        ]
    )


def document(changes: Iterable[EntryChange], others: Iterable[GivenUp] = ()) -> dict[str, Any]:
    """Return changes for programs."""
    return {
        "changes": [
            {
                "profile": one.subject[0],
                "asset": one.subject[1],
                "partition": one.subject[2],
                "metric": one.subject[3],
                "kind": one.kind,
                "reason": one.reason,
                "unit": _entry(one).unit,
                "before": _figures(one.before),
                "after": _figures(one.after),
                "was": one.was,
                "is": one.becomes,
                "gives_up": [{"code": what.code, "what": what.what} for what in one.loosenings],
            }
            for one in changes
        ],
        "others": [
            {
                "file": one.subject[1],
                "name": one.subject[3],
                "gives_up": [{"code": what.code, "what": what.what} for what in one.loosenings],
            }
            for one in others
        ],
    }


def plain(baseline: Baseline) -> str:
    """Return a baseline as text in which a line is a fact, for git to show the difference of two."""
    part = "" if baseline.partition is None else f", partition {printable(baseline.partition)}"
    lines = [f"{printable(baseline.asset)} on {printable(baseline.profile)}{part}"]
    for entry in baseline.metrics:
        change = entry.change
        lines += [
            "",
            f"{printable(entry.metric)}",
            f"  {change.kind}: {printable(change.reason)}",
            f"  direction {entry.direction}, limit {_own(entry.limit)}, floor {_own(entry.floor)}, unit {entry.unit}",
        ]
        for which, sample in entry.samples():
            label = f" {printable(sample.label)}" if sample.label else ""
            median = f"median {decimal_text(sample.median)} {entry.unit}, deviation {decimal_text(sample.mad)}"
            machine = f"machine {printable(sample.machine)} {sample.machine_digest[:12]}"
            data = f"configuration {sample.config_digest[:12]}, data {printable(sample.dataset_id or 'none')}"
            lines += [
                f"  {which}{label}: {median}, {len(sample.runs)} runs, size class {sample.size_class or 'none'}",
                f"    {machine}, {data}",
                f"    values {' '.join(decimal_text(value) for value in sample.values)}",
            ]
    return "\n".join(lines) + "\n"


def _entry(one: EntryChange) -> MetricBaseline:
    """Return an entry of a change; there always is one of the two."""
    found = one.after or one.before
    assert found is not None  # noqa: S101 - a change has a side
    return found


def _moved(one: EntryChange) -> str:
    """Return was → is, with the change in per cent, and the runs."""
    return f"{_side(one.before)} → {_side(one.after)}{_percent(one)}"


def _side(entry: MetricBaseline | None) -> str:
    if entry is None:
        return _NOTHING
    runs = len(entry.current.runs)
    retired = ", retired" if entry.is_retired else ""
    return f"{format_value(entry.current.median, entry.unit)} ({runs} run{'s' * (runs != 1)}{retired})"


def _percent(one: EntryChange) -> str:
    if one.before is None or one.after is None or one.before.unit != one.after.unit or not one.before.current.median:
        return ""
    ratio = one.after.current.median / one.before.current.median - 1.0
    return f", {ratio:+.1%}" if ratio else ", the same median"


def _figures(entry: MetricBaseline | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "median": decimal_text(entry.current.median),
        "mad": decimal_text(entry.current.mad),
        "runs": len(entry.current.runs),
        "direction": entry.direction,
        "limit": None if entry.limit is None else decimal_text(entry.limit),
        "floor": None if entry.floor is None else decimal_text(entry.floor),
        "anchor": None if entry.anchor is None else decimal_text(entry.anchor.median),
        "machine": entry.current.machine,
        "retired": entry.is_retired,
    }


def _own(value: float | None) -> str:
    return "the project's" if value is None else decimal_text(value)


def _safe(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _CALLING.sub(r"\1&#8203;", _MARKUP.sub(r"\\\1", html.escape(printable(text, _LONGEST), quote=False)))
