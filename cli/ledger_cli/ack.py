"""``ack``: take note of an alert."""

import sys
from datetime import datetime

import click

from ledger_cli.options import ledger_option, open_ledger, until_options


@click.command()
@click.argument("alert")
@until_options
@ledger_option
def ack(*, alert: str, reason: str, owner: str, until: datetime, ledger_uri: str | None) -> None:
    """Take note of ALERT (its id, or the beginning of it) for a while; it is not told again in that time."""
    from ledger.report.text import printable
    from ledger.service.alerts.gatekeeping import acknowledge_alert

    event = acknowledge_alert(open_ledger(ledger_uri), alert, reason=reason, owner=owner, expires=until)
    sys.stdout.write(printable(f"alert {event.alert_id} is acknowledged until {event.expires} by {owner}") + "\n")
