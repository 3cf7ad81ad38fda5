"""``baseline diff``, ``check``, ``waive`` and ``textconv``: what a pull request changes about baselines."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import exit_codes, gating, pull_request
from ledger_cli.options import format_option, open_ledger, settings_options
from ledger_cli.sealing import Span

if TYPE_CHECKING:
    from ledger.baselines import EntryChange, GivenUp
    from ledger.service.baselines.recomputing import Recomputed
    from ledger.service.baselines.review import Review


@click.command()
@click.argument("commits", metavar="BASE..HEAD")
@format_option("text", "markdown", "json")
def diff(*, commits: str, form: str) -> None:
    """Show what changes about baselines between two commits, metric by metric, and what that gives up.

    BASE..HEAD compares the two, BASE...HEAD what HEAD changed since they parted, BASE alone the working tree.
    """
    from ledger.report import baseline_changes, json
    from ledger.service.baselines.diff import difference
    from ledger.service.project.locate import project_directory

    changes, others = difference(project_directory(), commits)
    if form == "json":
        sys.stdout.write(json.dump(baseline_changes.document(changes, others)) + "\n")
    elif form == "markdown":
        sys.stdout.write(baseline_changes.markdown(changes, others))
    else:
        _write_changes(changes, others)


@click.command(hidden=True)
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def textconv(*, path: Path) -> None:
    """Show a baseline file a fact per line; git calls this, see `dagster-ledger init --git`."""
    from ledger.baselines import read
    from ledger.errors import LedgerError
    from ledger.report.baseline_changes import plain

    data = path.read_bytes()
    try:
        sys.stdout.write(plain(read(data, path.name)))
    except LedgerError as error:
        # git shows no difference at all where this fails, so what is wrong is shown with the file as it is.
        sys.stdout.write(f"{error}\n\n{data.decode('utf-8', 'backslashreplace')}")


@click.command()
@pull_request.base_options
@click.option("--recompute/--no-recompute", default=True, help="Whether changed values are looked up in the ledger.")
@click.option("--all", "every", is_flag=True, help="Look up all values of the head, not only what changed.")
@gating.where_options
@format_option("text", "json")
def check(
    *,
    base: str | None,
    head: str | None,
    recompute: bool,
    every: bool,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
) -> int:
    """Check what a pull request changes about baselines: format, place, what it gives up, waivers, values.

    Exit codes: 0 well, 1 refused, 2 a file that is no baseline, 3 the ledger at hand cannot tell, 4 altered.
    """
    from ledger.baselines.review import ALTERED

    review = pull_request.review_of(words, env, base, head)
    told = _recomputed(review, ledger_uri, every=every) if recompute else None
    refused = (*review.refused, *(told.refused if told else ()))
    if form == "json":
        _write_json(review, told)
    else:
        _write_review(review, told)
    if any(one.reason in ALTERED for one in refused):
        return exit_codes.INTEGRITY
    if refused:
        return exit_codes.FAILED
    return exit_codes.INCONCLUSIVE if told and told.unknown else exit_codes.DONE


@click.command()
@pull_request.base_options
@click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric or setting; may be repeated."
)
@click.option("--reason", required=True, help="Why what is given up may be; it is signed.")
@click.option("--for", "lasts_s", type=Span(), default="14d", show_default=True, metavar="TIME", help="How long.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="Private key or .pub file of one that an agent holds. [default: ~/.ssh/dagster-ledger]",
)
@settings_options
def waive(  # noqa: PLR0913 - one parameter per option
    *,
    base: str | None,
    head: str | None,
    assets: tuple[str, ...],
    metrics: tuple[str, ...],
    reason: str,
    lasts_s: float,
    key: Path | None,
    words: tuple[str, ...],
    env: str | None,
) -> None:
    """Sign a waiver of what a pull request gives up; whose signature counts is told by the protected branch."""
    from datetime import UTC, datetime, timedelta

    from ledger.service.baselines.waivers import make
    from ledger.service.project.locate import project_directory

    review, project = pull_request.review_of(words, env, base, head), project_directory()
    allowed = {one.given_up.subject for one in review.allowed}
    chosen = [
        one
        for one in review.given_up
        if one.subject not in allowed
        and (not assets or one.subject[1] in assets)
        and (not metrics or one.subject[3] in metrics)
    ]
    path = make(
        project,
        chosen,
        key or Path.home() / ".ssh" / "dagster-ledger",
        ref=review.request.ref,
        reason=reason,
        at=datetime.now(UTC),
        lasts=timedelta(seconds=lasts_s),
        longest=timedelta(days=review.settings.regression.max_waiver_days),
    )
    _write_changes((), chosen)
    sys.stdout.write(f"signed: {path.relative_to(project)}\ncommit it to the branch that it is about\n")


def _recomputed(review: "Review", ledger_uri: str | None, *, every: bool) -> "Recomputed":
    """Return what the ledger says of the head's values, as far as there is one."""
    from ledger.errors import MissingLedgerError
    from ledger.service.baselines.recomputing import Recomputed, recompute_all

    changed = {one.subject[:3] for one in review.changes if one.after is not None}
    chosen = [one for one in review.after.all() if every or (one.profile, one.asset, one.partition) in changed]
    if not chosen:
        return Recomputed((), ())
    try:
        return recompute_all(open_ledger(ledger_uri), chosen)
    except MissingLedgerError as error:
        return Recomputed((), (str(error),))


def _write_changes(changes: "tuple[EntryChange, ...]", others: "Any") -> None:
    from ledger.report import baseline_changes

    if not changes and not others:
        sys.stdout.write("nothing changes about baselines\n")
    baseline_changes.write(changes, others, sys.stdout)


def _others(review: "Review") -> "list[GivenUp]":
    """Return what is given up besides metrics: settings and attributes."""
    return [one for one in review.given_up if not one.subject[0]]


def _write_review(review: "Review", told: "Recomputed | None") -> None:
    from ledger.report.text import printable

    out = sys.stdout
    _write_changes(review.changes, _others(review))
    refused = (*review.refused, *(told.refused if told else ()))
    for one in review.allowed:
        words = f"waived: {one.given_up.name} by {one.signer} until {one.expires:%Y-%m-%d}: {one.reason}"
        out.write(printable(words, 400) + "\n")
    out.writelines(printable(f"refused ({one.reason}): {one.about}: {one.sentence}", 400) + "\n" for one in refused)
    unknown = told.unknown if told else ()
    out.writelines(printable(f"not recomputed: {name}", 400) + "\n" for name in unknown)
    request = review.request
    said = f"{len(review.changes)} changed, {len(refused)} refused"
    more = f"; {len(unknown)} not recomputed, since the ledger at hand does not hold the runs" if unknown else ""
    out.write(printable(f"{request.base_shown} to {request.head_shown}: {said}{more}") + "\n")


def _write_json(review: "Review", told: "Recomputed | None") -> None:
    from ledger.report import baseline_changes, json

    refused = (*review.refused, *(told.refused if told else ()))
    document = {
        "ref": review.request.ref,
        "base": review.request.base,
        "head": review.request.head,
        **baseline_changes.document(review.changes, _others(review)),
        "refused": [{"reason": one.reason, "about": one.about, "sentence": one.sentence} for one in refused],
        "waived": [
            {"about": one.given_up.name, "signer": one.signer, "expires": one.expires, "reason": one.reason}
            for one in review.allowed
        ],
        "recomputed": told is not None,
        "not_recomputed": list(told.unknown) if told else [],
    }
    sys.stdout.write(json.dump(document) + "\n")
