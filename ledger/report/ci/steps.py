"""What to do next, as commands that can be pasted: they ask about the same runs and baseline as the gate did.

A command that is too long to be read is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ledger.report.ci.escape import quoted
from ledger.report.ci.model import Report, why_open
from ledger.stats.records import Finding

PROGRAM: Final = "dagster-ledger"
_TOO_FEW_RUNS: Final = 5
_SHOWN: Final = 5
_LONGEST_COMMAND: Final = 600


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody may want, and the commands for it."""

    why: str
    commands: tuple[str, ...]


def next_steps(report: Report) -> tuple[Step, ...]:
    """Return what to do about what was found, the first thing first; nothing where all is well."""
    regressed = report.of_state("regressed")
    steps = _after_regression(report, regressed) if regressed else _after_doubt(report)
    readable = (
        Step(one.why, tuple(line for line in one.commands if 0 < len(line) <= _LONGEST_COMMAND)) for one in steps
    )
    return tuple(one for one in readable if one.commands)


def explain_command(report: Report, finding: Finding) -> str:
    """Return the command that tells why a finding is what it is, empty where it is too long to be read."""
    partition = () if finding.partition is None else ("--partition", finding.partition)
    words = _command("explain", finding.asset, finding.metric, *partition, *report.choice)
    return words if len(words) <= _LONGEST_COMMAND else ""


def loosen_command(report: Report, findings: Sequence[Finding]) -> str:
    """Return the command that accepts a worsening of one asset knowingly."""
    metrics = (word for one in findings for word in ("--metric", one.metric))
    words = ("--asset", findings[0].asset, *dict.fromkeys(metrics))
    return f'{_command("baseline", "propose", *_job(report), *words)} --reason "…" --loosen --write'


def _after_regression(report: Report, regressed: Sequence[Finding]) -> list[Step]:
    shown = regressed[:_SHOWN]
    by_asset = groupby(sorted(shown, key=lambda one: one.asset), key=lambda one: one.asset)
    return [
        Step("Is it real? Run the suspects again and judge the fresh runs only", (_command("confirm", *_job(report)),)),
        Step("Why? Values per run, tests, what differs", tuple(explain_command(report, one) for one in shown)),
        Step("Meant to be so? Accept it knowingly", tuple(loosen_command(report, list(of)) for _, of in by_asset)),
    ]


def _after_doubt(report: Report) -> list[Step]:
    """Return what helps where nothing regressed: runs where there are too few, a baseline where there is none."""
    whys = {why_open(one) for one in report.of_state("inconclusive", "not_comparable")}
    needed = max((one.needed_runs or 0 for one in report.of_state("inconclusive")), default=0)
    steps = []
    if whys & {"too few runs", "undecided"}:
        more = ("run", *_job(report), "--runs", str(needed or _TOO_FEW_RUNS))
        steps.append(Step("Too little evidence? Make more runs and ask again", (_command(*more),)))
    if {"no baseline", "other machine"} & whys:
        asked = f'{_command("baseline", "propose", *_job(report))} --reason "…" --write'
        steps.append(Step("No baseline for this machine? Propose one from runs made here", (asked,)))
    return steps


def _job(report: Report) -> tuple[str, ...]:
    return () if report.answer.job is None else ("--job", report.answer.job)


def _command(*words: str) -> str:
    return " ".join([PROGRAM, *map(quoted, words)])
