"""``metrics export`` and ``metrics serve``: what Prometheus reads."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ledger_cli import exit_codes, gating
from ledger_cli.files import write_file
from ledger_cli.options import ledger_option, open_ledger, settings_options
from ledger_cli.sealing import Span

if TYPE_CHECKING:
    from ledger.metrics import MetricRegistry
    from ledger.service.monitoring.collecting import Collector
    from ledger.store.protocol import LedgerStore

F = TypeVar("F", bound=Callable[..., Any])

FILE_NAME: Final = "dagster_ledger.prom"
"""Name of the file below node-exporter's directory."""

_STDOUT: Final = Path("-")
_LISTEN: Final = "127.0.0.1:9464"
_HIGHEST_PORT: Final = 65_535


class Address(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``, an IPv6 address in brackets."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT):
            self.fail(f"{value!r} is no HOST:PORT; give for instance {_LISTEN}", param, ctx)
        return host, int(port)


@click.group()
def metrics() -> None:
    """Export what the ledger says as metrics, or serve them to be scraped."""


@metrics.command()
@click.option(
    "--textfile",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"Write {FILE_NAME} into this directory of node-exporter's, as a whole.",
)
@click.option(
    "--openmetrics",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write OpenMetrics 1.0.0 to this file.",
)
@click.option("--history", is_flag=True, help="Every run with its time instead, for promtool tsdb; with --openmetrics.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Whether the ledger is verified first.")
@settings_options
@ledger_option
def export(
    *,
    textfile: Path | None,
    openmetrics: Path | None,
    history: bool,
    verify: bool,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
) -> int:
    """Write the metrics of the newest runs once: to standard output, or where an option says.

    Exit code 4 where the ledger is not what was appended; that is a metric too, so it is written all the same.
    """
    from ledger.report.monitoring.exposition import exposition

    if history and (openmetrics is None or textfile is not None):
        message = "--history has times, which only OpenMetrics holds; give --openmetrics FILE with it, no --textfile"
        raise click.UsageError(message)
    collector, store, registry = _collector(words, env, ledger_uri)
    if history and openmetrics is not None:
        _write_history(store, registry, openmetrics)
        return exit_codes.DONE
    if verify:
        collector.verify()
    found = collector.collect()
    if textfile is not None:
        write_file(textfile / FILE_NAME, exposition(found, "text"))
    if openmetrics is not None:
        _write(openmetrics, exposition(found, "openmetrics"))
    if textfile is None and openmetrics is None:
        _write(_STDOUT, exposition(found, "text"))
    return exit_codes.INTEGRITY if found.integrity.ok is False else exit_codes.DONE


@metrics.command()
@click.option("--listen", type=Address(), default=_LISTEN, show_default=True, help="HOST:PORT; port 0 for a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token that a scrape must bring; needed where others than this machine can ask.",
)
@click.option(
    "--verify-every", "verify_s", type=Span(), default="1h", show_default=True, help="How often the ledger is verified."
)
@settings_options
@ledger_option
def serve(
    *,
    listen: tuple[str, int],
    token_file: Path | None,
    verify_s: float,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
) -> None:
    """Serve the metrics at /metrics until interrupted; each scrape looks at what was appended since the last.

    The ledger as a whole is verified in between, since damage to older events would not be seen otherwise.
    """
    import signal
    import threading

    from ledger.service.monitoring.serving import MetricsServer, verify_often

    token = None if token_file is None else _token(token_file)
    collector, _, _ = _collector(words, env, ledger_uri)
    stop = threading.Event()
    with MetricsServer(listen, collector, token) as server:
        collector.collect()

        def leave(*_: object) -> None:
            # Shutting down waits for the loop below, which this handler interrupts; so another thread does it.
            stop.set()
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, leave)
        threading.Thread(target=verify_often, args=(collector, verify_s, stop, _complain), daemon=True).start()
        sys.stdout.write(f"serving {server.url}\n")
        sys.stdout.flush()
        server.serve_forever(poll_interval=0.2)


def _collector(
    words: tuple[str, ...], env: str | None, ledger_uri: str | None
) -> "tuple[Collector, LedgerStore, MetricRegistry]":
    """Return what tells the metrics of a ledger, the ledger, and the declared metrics."""
    from ledger.service.monitoring.collecting import Collector, Judged

    settings, registry, project = gating.loaded(words, env)
    store = open_ledger(ledger_uri)
    return Collector(store, Judged(project, settings.regression, registry), complain=_complain), store, registry


def _write_history(store: "LedgerStore", registry: "MetricRegistry", path: Path) -> None:
    from ledger.report.monitoring.exposition import written
    from ledger.service.monitoring.history import history

    _write(path, written(history(store, registry), "openmetrics"))


def _write(path: Path, data: bytes) -> None:
    """Write a file, or to standard output."""
    if path == _STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    else:
        write_file(path, data)


def _token(path: Path) -> str:
    """Return the token in a file."""
    from ledger.errors import StoreError

    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        message = f"cannot read the token in {path} ({error.strerror}); correct its permissions"
        raise StoreError(message) from error


def _complain(sentence: str) -> None:
    from ledger.report.text import printable

    click.echo(f"dagster-ledger: {printable(sentence, 500)}", err=True)
