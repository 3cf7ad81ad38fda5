"""``baseline propose`` and ``baseline show``."""

import sys
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import gating
from ledger_cli.options import Moment, format_option, open_ledger, terminal_width

if TYPE_CHECKING:
    from ledger.baselines import Checkpoint
    from ledger.service.proposing import Proposed
    from ledger.store.protocol import LedgerStore


@click.group()
def baseline() -> None:
    """Propose and show accepted measurements; they are changed by pull request."""


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
    written: bool,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **chosen: Any,
) -> None:
    """Propose baseline files made of the newest runs of a job.

    Runs of several machines, configurations or processes, too few runs, and runs with a change among them are refused;
    a worse sample needs --loosen.
    """
    from ledger.git import commit_of
    from ledger.service.accepted import DIRECTORY, from_directory
    from ledger.service.choosing import Choice
    from ledger.service.proposing import Proposal, save
    from ledger.service.proposing import propose as make

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
    )
    accepted = from_directory(project / DIRECTORY)
    checkpoint = _sealed(store)
    proposed = store.consult(lambda view: make(view, asked, accepted, settings.regression, registry, checkpoint))
    paths = save(proposed, project / DIRECTORY) if written else []
    _write(proposed, [str(path.relative_to(project)) for path in paths], form)


@baseline.command()
@click.argument("asset", required=False)
@click.option("--ref", metavar="REF", help="Show the files that a git ref holds, not those of the working tree.")
@gating.where_options
@format_option("table", "json")
def show(
    *,
    asset: str | None,
    ref: str | None,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
) -> None:
    """Show what is accepted, of ASSET or of all."""
    from ledger.report import json, table
    from ledger.service.accepted import DIRECTORY, from_directory, from_ref
    from ledger_cli import tables

    del ledger_uri
    _, _, project = gating.loaded(words, env)
    accepted = from_ref(project, ref) if ref is not None else from_directory(project / DIRECTORY)
    rows = accepted.rows(asset)
    if form == "json":
        json.write(rows, sys.stdout)
    elif rows.num_rows:
        table.write(rows, tables.BASELINES, sys.stdout, columns_wide=terminal_width())
    else:
        sys.stdout.write("no baselines\n")


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
