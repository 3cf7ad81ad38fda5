"""``events``: the events themselves."""

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from ledger_cli.options import format_option, ledger_option, narrowing_options, open_ledger, query_of

if TYPE_CHECKING:
    import pyarrow as pa

    from ledger.events import RecordedEvent
    from ledger.store.protocol import Cursor, EventQuery, LedgerView

_POLL_S: Final = 0.25
_HEADER_FIELDS: Final = frozenset({"asset", "partition", "run_id"})


@click.command()
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of event; may be repeated.")
@click.option("--stream", "streams", multiple=True, metavar="STREAM", help="Only this stream.")
@narrowing_options
@click.option("--last", type=click.IntRange(min=1), help="Only the newest so many events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with events as they are appended, until interrupted.")
@ledger_option
@format_option("table", "json")
def events(
    *,
    kinds: tuple[str, ...],
    streams: tuple[str, ...],
    last: int | None,
    follow: bool,
    ledger_uri: str | None,
    form: str,
    **narrowed: Any,
) -> None:
    """List the events of the ledger, oldest first; with --format json one object per line."""
    from ledger.events import KINDS
    from ledger.events.codec import from_table
    from ledger.names import no_such
    from ledger.store.filter import select

    store = open_ledger(ledger_uri)
    unheard = [kind for kind in kinds if kind not in KINDS]
    known = KINDS.keys() | (store.view().names_in("kind") if unheard else set())  # A newer release may have written.
    for kind in unheard:
        if kind not in known:
            raise click.BadParameter(no_such("event kind", kind, sorted(known)), param_hint="--kind")
    query, table, cursor = store.consult(
        lambda view: _seen(view, query_of(view, narrowed, kinds=kinds, streams=streams))
    )
    _write(from_table(table.slice(max(table.num_rows - last, 0)) if last else table), form)
    while follow:
        sys.stdout.flush()
        time.sleep(_POLL_S)
        new, cursor = store.changes(cursor)
        _write(from_table(select(new, query)), form)


def _seen(view: "LedgerView", query: "EventQuery") -> "tuple[EventQuery, pa.Table, Cursor]":
    """Return what a view holds now, and where to follow it from."""
    return query, view.read(query), view.cursor


def _write(entries: "Iterable[RecordedEvent]", form: str) -> None:
    """Write events, one per line."""
    from ledger.report import json
    from ledger.report.text import printable

    if form == "json":
        json.write_lines((_record(entry) for entry in entries), sys.stdout)
        return
    for entry in entries:
        record = _record(entry)
        fields = "  ".join(f"{name}={_short(value)}" for name, value in record["fields"].items() if value is not None)
        when = entry.ts.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        run = (record["run_id"] or "")[:8]
        sys.stdout.write(printable(f"{when}  {run:8}  {record['kind']:22}  {record['asset'] or ''}  {fields}") + "\n")


def _record(entry: "RecordedEvent") -> dict[str, Any]:
    """Return an event as a mapping."""
    import dataclasses

    from ledger.events import UnknownEvent

    event = entry.event
    fields = dataclasses.asdict(event)
    kind = event.kind if isinstance(event, UnknownEvent) else event.KIND
    return {
        "ts": entry.ts,
        "stream": entry.stream,
        "seq": entry.seq,
        "kind": kind,
        "asset": event.asset,
        "partition": event.partition,
        "run_id": event.run_id,
        "fields": {name: value for name, value in fields.items() if name not in _HEADER_FIELDS},
    }


def _short(value: object) -> str:
    """Return a field's value in at most 80 characters."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - a line stays readable
