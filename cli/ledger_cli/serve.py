"""``serve``: the report over the ledger, kept up to it, in a browser."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger_cli.options import open_ledger
from ledger_cli.report_options import made, shown_options, wanted_of

if TYPE_CHECKING:
    from ledger.service.overview.live import Live
    from ledger.serving.routing import Routes

PORT: Final = 8180
SHORTEST_TOKEN: Final = 16


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Port; 0 for a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the token that has to be shown; needed where other machines can ask.",
)
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME", help="Name the server may be asked under; may be repeated."
)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=0.2, max=3600.0),
    default=2.0,
    show_default=True,
    help="Seconds between two looks at the ledger.",
)
@shown_options
def serve(
    *,
    host: str,
    port: int,
    token_file: Path | None,
    names: tuple[str, ...],
    every_s: float,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    **shown: Any,
) -> None:
    """Show the report in a browser, kept up to the ledger, with the progress of what runs; until interrupted.

    Nothing is written: readiness is judged on what is sealed already. Other machines can ask only where --host says so,
    and then only with the token of --token-file.
    """
    from ledger.service.overview.live import Live
    from ledger.serving.guard import Guard
    from ledger.serving.server import Server

    guard = Guard(token=token_of(token_file, host), names=frozenset(name.lower() for name in names))
    wanted, settings, registry = wanted_of(words, env, shown, seal=False)
    store = open_ledger(ledger_uri)
    live = Live(store, lambda: made(store, wanted, settings, registry), every_s=every_s)
    stop = threading.Event()
    with Server(host, port, routes_of(live), guard) as server:
        threading.Thread(target=live.keep, args=(stop,), daemon=True).start()
        click.echo(f"{server.address} shows the ledger; end it with Ctrl-C", err=True)
        try:
            server.serve_forever()
        finally:
            stop.set()


def token_of(path: Path | None, host: str) -> str | None:
    """Return the token in a file, ``None`` where none is needed.

    Raises:
        ConfigurationError: Others can ask and there is no token, or it is too short or has odd characters.
    """
    from ledger.errors import ConfigurationError
    from ledger.serving.guard import is_loopback

    if path is None:
        if not is_loopback(host):
            message = f"other machines can ask {host}, so a token is needed; write one to a file, for --token-file"
            raise ConfigurationError(message)
        return None
    token = path.read_text(encoding="ascii", errors="replace").strip()
    if len(token) < SHORTEST_TOKEN or not token.replace("-", "").replace("_", "").isalnum() or not token.isascii():
        message = (
            f"{path} holds no token: at least {SHORTEST_TOKEN} letters, digits, - or _; make one with"
            ' `python3 -c "import secrets; print(secrets.token_urlsafe(32))"`'
        )
        raise ConfigurationError(message)
    return token


def routes_of(live: "Live") -> "Routes":
    """Return what lies where: the page, its data, what runs, and the report for programs."""
    from http import HTTPStatus

    from ledger.report.html.page import policy
    from ledger.serving.routing import Response

    page_policy = {"Content-Security-Policy": f"{policy(live=True)}; frame-ancestors 'none'"}

    def page() -> Response:
        return Response(HTTPStatus.OK, live.shown.page, "text/html; charset=utf-8", page_policy)

    return {
        "/": page,
        "/data": lambda: Response(HTTPStatus.OK, live.shown.data, "application/json"),
        "/progress": lambda: Response(HTTPStatus.OK, live.progress(), "application/json"),
        "/report.json": lambda: Response(HTTPStatus.OK, live.shown.document, "application/json"),
        "/report.md": lambda: Response(HTTPStatus.OK, live.shown.markdown, "text/markdown; charset=utf-8"),
    }
