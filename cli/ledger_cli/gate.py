"""``gate``: judge runs against the baseline."""

from typing import Any

import click

from ledger_cli import gating, pull_request
from ledger_cli.options import format_option, open_ledger
from ledger_cli.reports import Target, choice_words, report_option, write_reports


@click.command()
@pull_request.base_options
@gating.choosing_options
@click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option(
    "--require",
    "require",
    multiple=True,
    metavar="ASSET:METRIC",
    help="Pass only if this is judged; may be repeated, and adds to regression.require.",
)
@gating.exit_options
@click.option("--brief", is_flag=True, help="Do not list metrics that are well.")
@click.option("--record/--no-record", default=True, help="Whether the verdict and its alerts go into the ledger.")
@report_option
@gating.where_options
@format_option("text", "json")
def gate(  # noqa: PLR0913 - one parameter per option
    *,
    base: str | None,
    head: str | None,
    assets: tuple[str, ...],
    metrics: tuple[str, ...],
    require: tuple[str, ...],
    fail_on: tuple[str, ...],
    exit_zero: bool,
    brief: bool,
    record: bool,
    reports: tuple[Target, ...],
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **chosen: Any,
) -> int:
    """Judge runs against the baseline: did anything get slower, hungrier or worse?

    With --base, runs of a pull request's head are held against what the protected branch had accepted and against the
    pull request's own baselines; a change of those that gives something up needs a waiver.

    Exit codes: 0 PASS or WARN, 1 FAIL, 2 wrong usage, 3 INCONCLUSIVE, 4 an altered baseline or ledger.
    """
    from ledger.service.gate.regression import ask
    from ledger.service.gate.verdicts import record as record_verdict
    from ledger_cli.notify import tell

    gating.check_outputs(reports, form)
    store = open_ledger(ledger_uri)
    if base or head:
        review = pull_request.review_of(words, env, base, head)
        answer = pull_request.ask(store, chosen, review, assets=assets, metrics=metrics, require=require)
        settings = review.settings
        chosen["commit"] = review.request.head[:12]
    else:
        settings, registry, project = gating.loaded(words, env)
        required = tuple(dict.fromkeys((*settings.regression.require, *require)))
        question = gating.question_of(settings, chosen, assets=assets, metrics=metrics, require=required)
        answer = store.consult(lambda view: ask(view, question, settings.regression, registry, project))
    gating.write(answer, form, every=not brief, reports=reports)
    write_reports(reports, answer, store, choice_words(chosen, answer))
    if record:
        record_verdict(store, answer)
        tell(store, settings, answer.candidate_run_ids)
    return gating.code_of(answer, fail_on, exit_zero=exit_zero)
