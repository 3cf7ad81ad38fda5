"""``baseline propose``, ``retire`` and ``show``; the commands about pull requests are in ``baseline_review``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import gating
from ledger_cli.baseline_review import check, diff, textconv, waive
from ledger_cli.options import Moment, format_option, open_ledger, settings_options, terminal_width

if TYPE_CHECKING:
    import pyarrow as pa

    from ledger.baselines import Checkpoint
    from ledger.service.baselines.accepted import AcceptedBaselines
    from ledger.service.baselines.proposing import Proposed
    from ledger.store.protocol import LedgerStore


@click.group()
def baseline() -> None:
    """Propose, review and show accepted measurements; they are changed by pull request."""


for command in (diff, check, waive, textconv):
    baseline.add_command(command)


_base = click.option(
    "--base", metavar="BRANCH", help="The protected branch that the change is for. [default: as for trusted keys]"
)
_body = click.option(
    "--pr-body", type=click.Path(dir_okay=False, path_type=Path), help="Write the body of a pull request, Markdown."
)


@baseline.command()
@click.option("-j", "--job", help="Job of the runs. [default: that of the newest run]")
@click.option("--run", "candidates", multiple=True, metavar="RUN", help="Take this run; may be repeated.")
@click.option("--commit", metavar="ID", help="Take runs of this git commit.")
@click.option("--since", type=Moment(), help="Take runs that began from then on.")
@click.option("--until", type=Moment(), help="Take runs that began before.")
@click.option(
    "--last", type=click.IntRange(min=1), help="Take the newest so many. [default: setting regression.baseline_runs]"
)
@click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--reason", required=True, help="Why this is what is normal; it stands in the file.")
@click.option("--loosen", is_flag=True, help="Accept a sample that is worse than what is accepted.")
@click.option("--few", is_flag=True, help="Accept fewer runs than regression.min_baseline_runs.")
@click.option("--anchor", metavar="LABEL", help="Make the sample the anchor too, called so: a release.")
@_base
@_body
@click.option("--write", "written", is_flag=True, help="Write the files; without it they are only described.")
@gating.where_options
@format_option("text", "json")
def propose(  # noqa: PLR0913 - one parameter per option
    *,
    assets: tuple[str, ...],
    metrics: tuple[str, ...],
    reason: str,
    loosen: bool,
    few: bool,
    anchor: str | None,
    base: str | None,
    pr_body: Path | None,
    written: bool,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **chosen: Any,
) -> None:
    """Propose baseline files made of the newest runs of a job.

    Runs of several machines, configurations or processes, too few runs, values that vary too much, and runs with a
    change among them are refused; a worse sample needs --loosen.
    """
    from ledger.git import commit_of
    from ledger.service.baselines.accepted import DIRECTORY, from_directory
    from ledger.service.baselines.proposing import Proposal, save
    from ledger.service.baselines.proposing import propose as make
    from ledger.service.reading.choosing import Choice

    store = open_ledger(ledger_uri)
    settings, registry, project = gating.loaded(words, env)
    named = chosen.pop("candidates")
    commit = chosen.pop("commit")
    commit = (commit_of(project, commit) or commit) if commit else None
    asked = Proposal(
        choice=Choice(names=named, commit=commit, **chosen),
        assets=assets,
        metrics=metrics,
        reason=reason,
        loosen=loosen,
        few=few,
        anchor=anchor,
    )
    accepted = from_directory(project / DIRECTORY)
    checkpoint, held = _sealed(store), _held(project, base)
    proposed = store.consult(lambda view: make(view, asked, accepted, settings.regression, registry, checkpoint, held))
    paths = save(proposed, project / DIRECTORY) if written else []
    _write(proposed, [str(path.relative_to(project)) for path in paths], form)
    _write_body(proposed, reason, pr_body)


@baseline.command()
@click.argument("asset")
@click.argument("metric", required=False)
@click.option("--reason", required=True, help="Why it is judged no more; it stands in the file.")
@_base
@_body
@click.option("--write", "written", is_flag=True, help="Write the files; without it they are only described.")
@settings_options
@format_option("text", "json")
def retire(  # noqa: PLR0913 - one parameter per option
    *,
    asset: str,
    metric: str | None,
    reason: str,
    base: str | None,
    pr_body: Path | None,
    written: bool,
    words: tuple[str, ...],
    env: str | None,
    form: str,
) -> None:
    """Retire METRIC of ASSET, or all its metrics: judged no more, and still to be seen in the file.

    It gives the metric up, so it needs a waiver.
    """
    from ledger.service.baselines.accepted import DIRECTORY, from_directory
    from ledger.service.baselines.proposing import save
    from ledger.service.baselines.retiring import retire as make

    settings, _, project = gating.loaded(words, env)
    accepted = from_directory(project / DIRECTORY)
    proposed = make(accepted, asset, metric, reason, settings.regression, _held(project, base))
    paths = save(proposed, project / DIRECTORY) if written else []
    _write(proposed, [str(path.relative_to(project)) for path in paths], form)
    _write_body(proposed, reason, pr_body)


@baseline.command()
@click.argument("asset", required=False)
@click.option("--ref", metavar="REF", help="Show the files that a git ref holds, not those of the working tree.")
@click.option("--history", is_flag=True, help="Show the commits that changed what is accepted of ASSET.")
@click.option("--metric", metavar="NAME", help="Only the history of this metric.")
@gating.where_options
@format_option("table", "json")
def show(
    *,
    asset: str | None,
    ref: str | None,
    history: bool,
    metric: str | None,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
) -> None:
    """Show what is accepted, of ASSET or of all."""
    from ledger.report import json, table
    from ledger.service.baselines.accepted import DIRECTORY, from_directory, from_ref
    from ledger_cli import tables

    del ledger_uri
    _, _, project = gating.loaded(words, env)
    accepted = from_ref(project, ref) if ref is not None else from_directory(project / DIRECTORY)
    columns = tables.BASELINES
    if history:
        if asset is None:
            message = "name the ASSET whose history is to be shown"
            raise click.UsageError(message)
        columns, rows = tables.HISTORY, _history(project, accepted, asset, metric, ref)
    else:
        rows = accepted.rows(asset)
    if form == "json":
        json.write(rows, sys.stdout)
    elif rows.num_rows:
        table.write(rows, columns, sys.stdout, columns_wide=terminal_width())
    else:
        sys.stdout.write("no baselines\n")


def _history(
    project: Path, accepted: "AcceptedBaselines", asset: str, metric: str | None, ref: str | None
) -> "pa.Table":
    """Return the commits that changed the baselines of an asset."""
    import dataclasses

    import pyarrow as pa

    from ledger.service.baselines.history import history

    found = history(project, accepted, asset, metric, ref)
    return pa.Table.from_pylist([dataclasses.asdict(one) for one in found])


def _held(project: Path, base: str | None) -> "AcceptedBaselines | None":
    """Return what the protected branch had accepted where the work tree was branched off; ``None`` without one."""
    from ledger.errors import ConfigurationError
    from ledger.git import commit_of
    from ledger.service.baselines.accepted import from_ref
    from ledger.service.baselines.pull_request import pull_request
    from ledger.service.trust.root import protected_ref

    try:
        ref = protected_ref(project, base)
    except ConfigurationError:
        if base is not None:
            raise
        return None
    if commit_of(project, "HEAD") is None:
        return None
    request = pull_request(project, ref)
    return from_ref(project, request.base, request.base_shown)


def _write_body(proposed: "Proposed", reason: str, path: Path | None) -> None:
    """Write the body of a pull request, where one is wanted."""
    from ledger.report.baseline_changes import pull_request_body
    from ledger_cli.files import write_file

    if path is not None:
        write_file(path, pull_request_body(proposed.told, reason).encode())


def _sealed(store: "LedgerStore") -> "Checkpoint | None":
    """Return a state of the ledger that holds everything; ``None`` where it cannot be sealed."""
    from ledger.baselines import Checkpoint
    from ledger.errors import StoreError
    from ledger.store.protocol import SealingStore

    if not isinstance(store, SealingStore):
        return None
    try:
        store.seal()
    except StoreError:
        return None
    checkpoint = store.checkpoint()
    return Checkpoint(checkpoint.size, checkpoint.root) if checkpoint.size else None


def _write(proposed: "Proposed", paths: list[str], form: str) -> None:
    import pyarrow as pa

    from ledger.report import json, table
    from ledger_cli import tables

    rows = [
        {
            "asset": one.asset,
            "partition": one.partition,
            "metric": one.metric,
            "unit": one.unit,
            "change": one.change,
            "before": one.before.median if one.before is not None else None,
            "median": one.after.median,
            "mad": one.after.mad,
            "runs": len(one.after.runs),
        }
        for one in proposed.changes
    ]
    if form == "json":
        files = sorted(proposed.files)
        sys.stdout.write(json.dump({"changes": rows, "files": files, "written": paths}) + "\n")
        return
    if not rows:
        sys.stdout.write("nothing changes: what is accepted is made of these runs\n")
        return
    table.write(pa.Table.from_pylist(rows), tables.PROPOSED, sys.stdout, columns_wide=terminal_width())
    sys.stdout.write("\n")
    for path in paths:
        sys.stdout.write(f"written: {path}\n")
    if not paths:
        sys.stdout.write(f"{len(proposed.files)} files would be written; write them with --write\n")
