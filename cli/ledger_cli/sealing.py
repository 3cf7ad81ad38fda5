"""``ledger seal``, ``checkpoint``, ``verify``, ``compact``, ``proof``: a ledger to be trusted, and that stays fast."""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option, open_ledger

if TYPE_CHECKING:
    from ledger.events.checkpoint import Checkpoint
    from ledger.store.protocol import SealingStore

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Span(click.ParamType[float]):
    """A span of time such as ``0s``, ``90m`` or ``7d``, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = _SPAN.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no span of time such as 0s, 90m, 4h or 7d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: float(found[1])}).total_seconds()


def open_sealing(ledger_uri: str | None) -> "SealingStore":
    """Return the ledger, which can be sealed."""
    from ledger.errors import ConfigurationError
    from ledger.store.protocol import SealingStore

    store = open_ledger(ledger_uri)
    if not isinstance(store, SealingStore):
        message = f"the ledger at {store.uri} cannot be sealed; only ledgers of Parquet files can"
        raise ConfigurationError(message)
    return store


@click.command()
@ledger_option
@format_option("table", "json")
def seal(*, ledger_uri: str | None, form: str) -> int:
    """Seal what was appended since the last time, so that any later change to it shows.

    Runs do it by themselves when they end. Doing it again changes nothing.
    """
    from ledger.report import json

    done = open_sealing(ledger_uri).seal()
    if form == "json":
        told = {"checkpoint": done.number, "appends": done.checkpoint.size, "root_hash": done.checkpoint.root}
        problems = [{"where": problem.where, "what": problem.what} for problem in done.problems]
        sys.stdout.write(json.dump({**told, "added": done.added, "problems": problems}) + "\n")
    else:
        sys.stdout.write(f"sealed {done.added:,} appends; checkpoint {done.number} has {done.checkpoint.size:,}\n")
        _write_problems([(problem.where, problem.what) for problem in done.problems])
    return exit_codes.INTEGRITY if done.problems else exit_codes.DONE


@click.command()
@ledger_option
def checkpoint(*, ledger_uri: str | None) -> None:
    """Print the newest checkpoint: name of the ledger, number of appends, root of their tree.

    Keep it outside the ledger, in git for instance, and hold the ledger against it with `ledger verify --checkpoint`.
    """
    sys.stdout.write(str(open_sealing(ledger_uri).checkpoint()))


@click.command()
@click.option("--checkpoint", "expected", type=_FILE, help="A checkpoint kept elsewhere that must still be contained.")
@click.option("--from", "since", type=_FILE, help="A checkpoint that was verified: read only what came after it.")
@ledger_option
@format_option("table", "json")
def verify(*, expected: Path | None, since: Path | None, ledger_uri: str | None, form: str) -> int:
    """Read everything again and hold it against the seal; exit code 4 where something is not what was appended."""
    import dataclasses

    from ledger.report import json

    store = open_sealing(ledger_uri)
    known, verified = _checkpoint(expected), _checkpoint(since)
    found = store.verify(expected=known or verified, since=verified.size if verified else 0)
    problems = list(found.problems)
    if verified is not None and known is not None:
        problems += store.verify(expected=verified, since=found.checkpoint.size).problems
    if form == "json":
        told = {"checkpoint": found.checkpoint.size, "root_hash": found.checkpoint.root, "appends": found.batches}
        rest = {"events": found.events, "unsealed": found.unsealed}
        listed = [dataclasses.asdict(problem) for problem in problems]
        sys.stdout.write(json.dump({**told, **rest, "problems": listed}) + "\n")
    else:
        _write_problems([(problem.where, problem.what) for problem in problems])
        verdict = f"{len(problems):,} problems" if problems else "every digest is right"
        held = f"{found.events:,} events in {found.batches:,} appends, {found.unsealed:,} of them not sealed yet"
        sys.stdout.write(f"{held}: {verdict}\n")
    return exit_codes.INTEGRITY if problems else exit_codes.DONE


@click.command()
@click.option("--grace", "grace_s", type=Span(), metavar="TIME", help="How long replaced files stay. [default: 1d]")
@click.option("--quiet", is_flag=True, help="Do not say what is written.")
@ledger_option
def compact(*, grace_s: float | None, quiet: bool, ledger_uri: str | None) -> None:
    """Merge appends into sorted segments, which are smaller and faster to read.

    Runs do it by themselves from `ledger_compact_appends` loose files on. Readers and writers may go on meanwhile;
    files that were replaced stay for `ledger_grace_s`, so use `--grace 0s` only while nobody writes.
    """
    from ledger.service.project.locate import load_settings
    from ledger.service.reading.standing import compacted_standing

    store = open_sealing(ledger_uri)
    kept_s = load_settings().settings.ledger_grace_s if grace_s is None else grace_s
    done = store.compact(grace_s=kept_s, progress=None if quiet else _say)
    store.consult(compacted_standing)
    sys.stdout.write(
        f"compacted {done.batches:,} appends into {done.written:,} segments, removed {done.removed:,} files\n"
    )


@click.group()
def proof() -> None:
    """Prove something of a ledger to somebody who does not have it."""


@proof.command()
@click.argument("stream")
@click.argument("append", type=click.IntRange(0, 2**31 - 1))
@ledger_option
def inclusion(*, stream: str, append: int, ledger_uri: str | None) -> None:
    """Prove that append number APPEND of STREAM is in the newest checkpoint (RFC 9162, 2.1.3)."""
    from ledger.report import json

    stored = stream.encode("utf-8", "backslashreplace").decode()  # As texts that are no UTF-8 are stored.
    sys.stdout.write(json.dump(open_sealing(ledger_uri).prove_inclusion(stored, append).as_json()) + "\n")


@proof.command()
@click.argument("old", type=_FILE)
@ledger_option
def consistency(*, old: Path, ledger_uri: str | None) -> None:
    """Prove that the newest checkpoint contains the one in the file OLD (RFC 9162, 2.1.4)."""
    from ledger.report import json

    store, known = open_sealing(ledger_uri), _checkpoint(old)
    if known is not None:
        sys.stdout.write(json.dump(store.prove_consistency(known).as_json()) + "\n")


@proof.command()
@click.argument("file", type=_FILE)
def check(*, file: Path) -> int:
    """Check the proof in FILE; no ledger is needed. Exit code 4 where it does not hold."""
    from ledger.events.proof import parse_proof

    holds = parse_proof(_text(file), str(file)).holds()
    sys.stdout.write("the proof holds\n" if holds else "the proof does not hold\n")
    return exit_codes.DONE if holds else exit_codes.INTEGRITY


def _checkpoint(file: Path | None) -> "Checkpoint | None":
    """Return the checkpoint in a file."""
    from ledger.events.checkpoint import Checkpoint

    return Checkpoint.parse(_text(file), str(file)) if file is not None else None


def _text(file: Path) -> str:
    """Return the text of a file a person named."""
    from ledger.errors import StoreError

    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}; name another file"
        raise StoreError(message) from error


def _write_problems(problems: list[tuple[str, str]]) -> None:
    """Write a line for each problem."""
    from ledger.report.text import printable

    for where, what in problems:
        sys.stdout.write(printable(f"{where}: {what}") + "\n")


def _say(line: str) -> None:
    click.echo(line, err=True)
