"""What ``gate``, ``confirm`` and ``explain`` share: options that choose runs, and the exit code of a verdict."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from ledger_cli import exit_codes
from ledger_cli.options import Moment, ledger_option, settings_options
from ledger_cli.reports import Target, takes_stdout

if TYPE_CHECKING:
    from ledger.metrics import MetricRegistry
    from ledger.service.gate.regression import Answer, Question
    from ledger.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

OUTCOMES = ("warn", "inconclusive")


def choosing_options(command: F) -> F:
    """Add the options that choose candidates and baseline."""
    for option in (
        click.option(
            "--baseline",
            metavar="WORDS",
            help="What they are held against: files, files:DIR, ref:REF, last:N, commit:ID or window:FROM..TO."
            " [default: setting regression.baseline]",
        ),
        click.option(
            "--last",
            type=click.IntRange(min=1),
            help="Judge the newest so many runs. [default: setting regression.candidate_runs]",
        ),
        click.option("--until", type=Moment(), help="Judge runs that began before: a date, or an age such as 2h."),
        click.option(
            "--since", type=Moment(), help="Judge runs that began from then on: a date, or an age such as 7d."
        ),
        click.option("--commit", metavar="ID", help="Judge runs of this git commit, or of a ref such as HEAD."),
        click.option(
            "--candidate",
            "candidates",
            multiple=True,
            metavar="RUN",
            help="Judge this run: its id, the beginning of it, or latest; may be repeated.",
        ),
        click.option("-j", "--job", help="Job of the runs. [default: that of the newest run]"),
    ):
        command = option(command)
    return command


def exit_options(command: F) -> F:
    """Add ``--fail-on`` and ``--exit-zero``."""
    for option in (
        click.option("--exit-zero", is_flag=True, help="Leave with 0 whatever the verdict is."),
        click.option(
            "--fail-on",
            "fail_on",
            multiple=True,
            type=click.Choice(OUTCOMES),
            help="Leave with 1 on this verdict too; may be repeated.",
        ),
    ):
        command = option(command)
    return command


def where_options(command: F) -> F:
    """Add ``--set``, ``--env`` and ``--ledger``."""
    return settings_options(ledger_option(command))


def loaded(words: tuple[str, ...], env: str | None) -> "tuple[Settings, MetricRegistry, Path]":
    """Return the settings, the declared metrics and the directory of the project."""
    from ledger.metrics import with_declared
    from ledger.service.project.locate import load_settings, project_directory
    from ledger.settings import from_words

    settings = load_settings(from_words(words, "--set"), env=env).settings
    return settings, with_declared(settings.declared_metrics()), project_directory()


def question_of(settings: "Settings", chosen: dict[str, Any], **more: Any) -> "Question":
    """Return the question that the options of ``choosing_options`` ask."""
    from ledger.errors import ConfigurationError
    from ledger.service.gate.baseline_words import parse_baseline
    from ledger.service.gate.regression import Question
    from ledger.service.reading.choosing import Choice

    others = [f"--{name}" for name in ("commit", "since", "until", "last") if chosen[name]]
    if chosen["candidates"] and others:
        message = f"--candidate names the runs already; leave {' and '.join(others)} away"
        raise ConfigurationError(message)
    candidate = Choice(
        job=chosen["job"],
        names=chosen["candidates"],
        commit=chosen["commit"],
        since=chosen["since"],
        until=chosen["until"],
        last=chosen["last"],
    )
    baseline = parse_baseline(chosen["baseline"] or settings.regression.baseline)
    return Question(candidate=candidate, baseline=baseline, **more)


def code_of(answer: "Answer", fail_on: tuple[str, ...], *, exit_zero: bool) -> int:
    """Return the exit code of a verdict."""
    outcome = answer.verdict.outcome
    if exit_zero:
        return exit_codes.DONE
    if outcome == "FAIL" or outcome.lower() in fail_on:
        return exit_codes.FAILED
    return exit_codes.INCONCLUSIVE if outcome == "INCONCLUSIVE" else exit_codes.DONE


def check_outputs(reports: Sequence[Target], form: str) -> None:
    """Raise where standard output is asked to hold two things.

    Raises:
        ConfigurationError: It is.
    """
    from ledger.errors import ConfigurationError

    if form == "json" and takes_stdout(reports):
        message = "--format json and a report would both be written to standard output; give the report a path"
        raise ConfigurationError(message)


def people(reports: Sequence[Target]) -> TextIO:
    """Return what people read: standard output, or the error stream where a report takes standard output."""
    return sys.stderr if takes_stdout(reports) else sys.stdout


def write(answer: "Answer", form: str, *, every: bool = True, reports: Sequence[Target] = ()) -> None:
    """Write an answer in a format."""
    from ledger.report import gate, json
    from ledger_cli.options import terminal_width

    if form == "json":
        sys.stdout.write(json.dump(gate.document(answer)) + "\n")
    else:
        gate.write(answer, people(reports), columns_wide=terminal_width(), every=every)
