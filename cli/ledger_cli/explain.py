"""``explain``: the ladder of reasons behind one finding."""

import sys
from typing import Any

import click

from ledger_cli import exit_codes, gating
from ledger_cli.options import format_option, open_ledger


@click.command()
@click.argument("asset")
@click.argument("metric")
@click.option("--partition", metavar="KEY", help="Partition, where the asset has some.")
@gating.choosing_options
@gating.where_options
@format_option("text", "json")
def explain(
    *,
    asset: str,
    metric: str,
    partition: str | None,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **chosen: Any,
) -> int:
    """Give the reasons behind the finding on METRIC of ASSET: values per run, comparability, tests, severity.

    The whole gate is judged, since a test counts among all tests of its gate; nothing is recorded.
    """
    from ledger.report import explanation, json
    from ledger.service.gate.explaining import explain as explain_finding
    from ledger.service.gate.regression import ask

    store = open_ledger(ledger_uri)
    settings, registry, project = gating.loaded(words, env)
    question = gating.question_of(settings, chosen, require=tuple(settings.regression.require))
    answer = store.consult(lambda view: ask(view, question, settings.regression, registry, project))
    found = explain_finding(answer, asset, metric, partition)
    if form == "json":
        sys.stdout.write(json.dump(explanation.document(found)) + "\n")
    else:
        explanation.write(found, sys.stdout)
    return exit_codes.DONE
