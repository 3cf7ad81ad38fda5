"""``calibrate``: what the gate is worth on this ledger's own runs."""

import re
import sys
from typing import Any, Final

import click

from ledger_cli import exit_codes
from ledger_cli.gating import loaded, where_options
from ledger_cli.options import format_option, open_ledger, terminal_width

_SIZE: Final = re.compile(r"(\d{1,4})[x\u00d7](\d{1,4})")


class Size(click.ParamType[tuple[int, int]]):
    """Runs of baseline and candidate, such as ``10x5``."""

    name = "runs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return both numbers."""
        if isinstance(value, tuple):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None or 0 in (size := (int(found[1]), int(found[2]))):
            self.fail(f"{value!r} is not the runs of baseline and candidate, such as 10x5", param, ctx)
        return size


@click.command()
@click.option("--job", metavar="NAME", help="Only runs of this job. [default: the job of the newest run]")
@click.option("--last", type=click.IntRange(min=2), default=200, show_default=True, help="Newest so many runs.")
@click.option(
    "--runs", "size", type=Size(), default="10x5", show_default=True, metavar="BxC", help="Baseline and candidate runs."
)
@click.option("--splits", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Gates to replay.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random splits.")
@where_options
@format_option("table", "json")
def calibrate(
    *, job: str | None, last: int, size: tuple[int, int], splits: int, seed: int, form: str, **where: Any
) -> int:
    """Gate this ledger's own runs against each other, where nothing is to be found, and count what the gate says.

    Tells the gate's real rate of false alarms here, how noisy each metric is, how small a limit can be held with so
    many runs, and how many runs a limit needs. Exit code 3: too few comparable runs.
    """
    from ledger.service.gate.calibrating import Plan, TooFewRunsError
    from ledger.service.gate.calibrating import calibrate as replay
    from ledger.service.gate.policy import policy_of
    from ledger.service.reading.choosing import Choice

    settings, registry, _ = loaded(where["words"], where["env"])
    plan = Plan(
        choice=Choice(job=job, last=last),
        baseline=size[0],
        candidate=size[1],
        splits=splits,
        seed=seed,
        policy=policy_of(settings.regression),
        ignore_packages=settings.regression.ignore_packages,
    )
    try:
        found = open_ledger(where["ledger_uri"]).consult(lambda view: replay(view, plan, registry))
    except TooFewRunsError as error:
        click.echo(f"dagster-ledger: {error}", err=True)
        return exit_codes.INCONCLUSIVE
    if form == "json":
        import dataclasses

        from ledger.report import json

        sys.stdout.write(json.dump(dataclasses.asdict(found)) + "\n")
    else:
        from ledger.report import calibration_text

        calibration_text.write(found, sys.stdout, columns_wide=terminal_width())
    return exit_codes.DONE
