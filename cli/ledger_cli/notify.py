"""``notify``: tell alerts that were not told."""

import sys
from typing import TYPE_CHECKING

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option, open_ledger, settings_options

if TYPE_CHECKING:
    from ledger.service.alerts.notify import Delivery
    from ledger.settings import Settings
    from ledger.store.protocol import LedgerStore


@click.command()
@click.option("--run", "runs", multiple=True, metavar="RUN", help="Only alerts of this run; may be repeated.")
@settings_options
@ledger_option
@format_option("table", "json")
def notify(*, runs: tuple[str, ...], words: tuple[str, ...], env: str | None, ledger_uri: str | None, form: str) -> int:
    """Tell the alerts that were not told yet, dead letters among them, to the configured channels.

    Exit code 5 where a channel did not take one.
    """
    import dataclasses

    from ledger.report import json
    from ledger.service.project.locate import load_settings
    from ledger.service.reading.replay import find_run
    from ledger.settings import from_words

    store = open_ledger(ledger_uri)
    settings = load_settings(from_words(words, "--set"), env=env).settings
    done = tell(store, settings, tuple(find_run(store, name) for name in runs))
    if form == "json":
        sys.stdout.write(json.dump([dataclasses.asdict(delivery) for delivery in done]) + "\n")
    else:
        sent = sum(delivery.error is None for delivery in done)
        sys.stdout.write(f"{sent} told, {len(done) - sent} undeliverable\n")
    return exit_codes.IO if any(delivery.error is not None for delivery in done) else exit_codes.DONE


def tell(store: "LedgerStore", settings: "Settings", run_ids: tuple[str, ...]) -> "list[Delivery]":
    """Tell the alerts of some runs, say what was not taken, and return what became of each."""
    if not (settings.notify_webhook_urls or settings.notify_commands):
        return []
    from ledger.service.alerts.channels import channels_of
    from ledger.service.alerts.notify import deliver

    done = deliver(store, channels_of(settings), run_ids=run_ids, min_severity=settings.notify_min_severity)
    for delivery in done:
        if delivery.error is not None:
            said = f"alert {delivery.alert_id} was not taken by {delivery.channel}: {delivery.error}"
            click.echo(f"dagster-ledger: {said}; try again with `dagster-ledger notify`", err=True)
    return done
