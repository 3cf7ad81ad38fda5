"""``quality list`` and ``quality override``."""

import sys
from datetime import datetime

import click

from ledger_cli.options import format_option, ledger_option, open_ledger, until_options


@click.group()
def quality() -> None:
    """Look at quality gates, and let assets through in an emergency."""


@quality.command(name="list")
@click.option("--closed", is_flag=True, help="Only gates that stop something.")
@ledger_option
@format_option("table", "json")
def list_all(*, closed: bool, ledger_uri: str | None, form: str) -> None:
    """List every gate in its latest state."""
    from ledger.report import json
    from ledger.report.text import printable
    from ledger.service.alerts.gatekeeping import list_gates

    found = [found for found in list_gates(open_ledger(ledger_uri)) if found.closed or not closed]
    if form == "json":
        rows = [
            {
                "asset": one.asset,
                "partition": one.partition,
                "check": one.check,
                "state": _state(one.passed, one.override is not None),
                "evaluated": one.evaluated,
                "run_id": one.run_id,
                "value": one.value,
                "threshold": one.threshold,
                "owner": one.override.owner if one.override else None,
                "expires": one.override.expires if one.override else None,
            }
            for one in found
        ]
        sys.stdout.write(json.dump(rows) + "\n")
        return
    for one in found:
        until = f" until {one.override.expires} by {one.override.owner}: {one.override.reason}" if one.override else ""
        state = _state(one.passed, one.override is not None)
        line = f"{state:10} {one.asset}  {one.check}  {one.description or ''}{until}"
        sys.stdout.write(printable(line, 400) + "\n")
    if not found:
        sys.stdout.write("no gates\n")


@quality.command()
@click.argument("asset")
@click.option("--check", help="Only this check; all of the asset's without it.")
@until_options
@ledger_option
def override(
    *, asset: str, check: str | None, reason: str, owner: str, until: datetime, ledger_uri: str | None
) -> None:
    """Let assets behind a closed gate of ASSET be made for a while; who, why and how long is recorded."""
    from ledger.report.text import printable
    from ledger.service.alerts.gatekeeping import override_gate

    event = override_gate(open_ledger(ledger_uri), asset, check, reason=reason, owner=owner, expires=until)
    which = check or "every gate"
    sys.stdout.write(printable(f"{which} of {asset} is overridden until {event.expires} by {owner}") + "\n")


def _state(passed: bool, overridden: bool) -> str:  # noqa: FBT001 - two words of one gate
    if passed:
        return "open"
    return "overridden" if overridden else "closed"
