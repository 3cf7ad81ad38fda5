"""``alerts generate``: what Prometheus, Alertmanager and Grafana are given, from the limits of the project."""

import sys
from pathlib import Path
from typing import Final

import click

from ledger_cli import exit_codes, gating
from ledger_cli.files import write_file
from ledger_cli.options import settings_options

TESTS: Final = "dagster-ledger.rules.test.yml"
ALERTMANAGER: Final = "dagster-ledger.alertmanager.yml"
DASHBOARD: Final = "dagster-ledger.dashboard.json"


@click.group()
def alerts() -> None:
    """Make alert rules and a dashboard for the metrics of `dagster-ledger metrics`."""


@alerts.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Directory for the files."
)
@click.option("--webhook", metavar="URL", help="Where Alertmanager tells alerts. [default: nowhere yet]")
@click.option(
    "--check", is_flag=True, help="Write nothing; leave with 1 where the files are not what would be written."
)
@settings_options
def generate(*, output: Path, webhook: str | None, check: bool, words: tuple[str, ...], env: str | None) -> int:
    """Write alert rules, their unit tests, Alertmanager's part and a Grafana dashboard.

    They follow from the settings and the baseline files, so a limit is written in one place; generate them again when
    one changes, and hold them with --check in continuous integration.
    """
    made = _made(webhook, words, env)
    if not check:
        for name, text in made.items():
            write_file(output / name, text.encode())
            sys.stdout.write(f"written {output / name}\n")
        return exit_codes.DONE
    stale = [name for name, text in made.items() if _held(output / name) != text.encode()]
    for name in stale:
        sys.stdout.write(f"{output / name} is not what the settings and baselines say; generate it again\n")
    if not stale:
        sys.stdout.write(f"the files in {output} are what the settings and baselines say\n")
    return exit_codes.FAILED if stale else exit_codes.DONE


def _made(webhook: str | None, words: tuple[str, ...], env: str | None) -> dict[str, str]:
    """Return the text of each file, by name."""
    from ledger.report.monitoring.alerting import RULES_FILE, alertmanager_file, rule_file, rule_tests_file
    from ledger.report.monitoring.dashboard import dashboard_file
    from ledger.report.monitoring.rules import rules
    from ledger.service.baselines.accepted import DIRECTORY, from_directory
    from ledger.service.monitoring.policy import alert_policy

    settings, registry, project = gating.loaded(words, env)
    policy = alert_policy(settings, registry, from_directory(project / DIRECTORY))
    found = rules(policy)
    return {
        RULES_FILE: rule_file(found, policy.runbook_url),
        TESTS: rule_tests_file(found, policy.runbook_url),
        ALERTMANAGER: alertmanager_file(webhook),
        DASHBOARD: dashboard_file(policy),
    }


def _held(path: Path) -> bytes | None:
    """Return what a file holds, ``None`` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None
