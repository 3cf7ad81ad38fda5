"""``--report``: what continuous integration reads, several formats at once, each written whole or not at all."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ledger_cli.files import write_file

if TYPE_CHECKING:
    from ledger.service.gate.regression import Answer
    from ledger.store.protocol import LedgerStore

F = TypeVar("F", bound=Callable[..., Any])

STDOUT: Final = "-"
_NAMES: Final = ("markdown", "comment", "github", "junit", "sarif", "gitlab", "metrics", "json")
"""Names of the formats, told without importing any; the tests hold them against the registry."""
_SHOWN_ID: Final = 8
_BASELINE: Final = "files"
"""What is meant where nothing is said; it is left unsaid here too."""


@dataclass(frozen=True, slots=True)
class Target:
    """A format, and where it goes: a path, or ``-`` for standard output."""

    form: str
    path: str


class TargetType(click.ParamType[Target]):
    """``FORMAT=PATH``."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Return the target."""
        if isinstance(value, Target):
            return value
        form, equals, path = value.partition("=")
        if not equals or not path:
            self.fail(f"{value!r} is no FORMAT=PATH; give for instance junit=build/gate.xml, or markdown=-", param, ctx)
        if form not in _NAMES:
            self.fail(f"there is no format {form!r}; the formats are {', '.join(_NAMES)}", param, ctx)
        return Target(form, path)


def report_option(command: F) -> F:
    """Add ``--report`` (as ``reports``)."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        type=TargetType(),
        callback=_distinct,
        metavar="FORMAT=PATH",
        help=f"Write a report too, - for standard output; may be repeated. Formats: {', '.join(_NAMES)}.",
    )(command)


def takes_stdout(reports: Sequence[Target]) -> bool:
    """Return whether a report goes to standard output, so that nothing else may."""
    return any(target.path == STDOUT for target in reports)


def write_reports(
    reports: Sequence[Target], answer: "Answer", store: "LedgerStore", choice: Sequence[str] = ()
) -> None:
    """Write the reports; every one is made before the first is written.

    Args:
        reports: Formats and paths.
        answer: What the gate said.
        store: The ledger it was asked of.
        choice: Words of the command line that chose what was judged.

    Raises:
        StoreError: A path cannot be written.
    """
    if not reports:
        return
    from ledger.report.ci import FORMATS, Report
    from ledger.service.baselines.places import baseline_places, elsewhere
    from ledger.service.project.locate import project_directory

    project = project_directory()
    findings = answer.worst_first()
    places = store.consult(lambda view: baseline_places(view, answer.candidate_run_ids, findings, project))
    report = Report(answer=answer, elsewhere=elsewhere(project), places=places, choice=tuple(choice))
    made = [(target, FORMATS[target.form].write(report)) for target in reports]
    for target, text in made:
        # A lone surrogate has no bytes in UTF-8; JSON knows its escape, and no other format lets one through.
        data = text.encode("utf-8", "backslashreplace")
        if target.path == STDOUT:
            click.echo(data, nl=False)
        else:
            write_file(Path(target.path), data, "the report")


def choice_words(chosen: Mapping[str, Any], answer: "Answer") -> tuple[str, ...]:
    """Return the options of ``gating.choosing_options`` that ask for the same answer again."""
    words: list[str] = []
    asked = str(answer.baseline)
    named = {**chosen, "baseline": chosen.get("baseline") or (None if asked == _BASELINE else asked)}
    for name in ("job", "baseline", "commit", "since", "until", "last"):
        value = named.get(name)
        if value is not None:
            words += [f"--{name}", value.isoformat() if hasattr(value, "isoformat") else str(value)]
    for run in chosen.get("candidates", ()):
        words += ["--candidate", run[:_SHOWN_ID]]
    return tuple(words)


def _distinct(ctx: click.Context, param: click.Parameter, reports: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the targets, once no two of them go to one place."""
    places: dict[str, str] = {}
    for target in reports:
        place = STDOUT if target.path == STDOUT else os.path.realpath(target.path)
        if place in places:
            where = "standard output" if place == STDOUT else target.path
            message = f"{places[place]} and {target.form} would both be written to {where}; give each a path of its own"
            raise click.BadParameter(message, ctx, param)
        places[place] = target.form
    return reports
