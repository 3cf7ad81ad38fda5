"""Serves the metrics over HTTP, for Prometheus to scrape.

Rules:
- Only this machine may ask, unless a token is required: an address that is reachable from elsewhere needs one.
- Without a token a request has to name this machine, so that no web page reads along (DNS rebinding).
- One address, ``/metrics``, that only reads. What cannot be told is an error of the scrape, never an empty page.
- The ledger is verified as a whole in a thread of its own, so that a scrape never waits for it.
"""

import hmac
import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from ledger.errors import ConfigurationError, LedgerError, StoreError
from ledger.report.monitoring.exposition import CONTENT_TYPES, exposition, form_of
from ledger.service.monitoring.collecting import Collector
from ledger.serving.guard import is_loopback

PATH: Final = "/metrics"
LEAST_TOKEN: Final = 16
"""Characters that a token has at least."""

_TIMEOUT_S: Final = 10.0
"""Seconds after which a client that says nothing is left."""

_SHOWN: Final = "dagster-ledger: metrics are at /metrics\n"


class MetricsServer(ThreadingHTTPServer):
    """Answers scrapes until it is shut down."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], collector: Collector, token: str | None) -> None:
        """Listen; ``serve_forever`` begins to answer.

        Args:
            address: Host and port; port 0 for any that is free.
            collector: Tells what is exported.
            token: What a client has to bring, ``None`` where nothing is asked for.

        Raises:
            ConfigurationError: The address is reachable from elsewhere and there is no token, or one too short.
            StoreError: The address cannot be listened on.
        """
        self.collector: Final = collector
        self.token: Final = token
        host, port = address
        self.address_family, resolved = _resolved(host, port)
        check_token(resolved[0], token)
        try:
            super().__init__(resolved, _Handler)
        except OSError as error:
            message = f"cannot listen on {host}:{port} ({error.strerror}); name another address with --listen"
            raise StoreError(message) from error

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}{PATH}"

    def server_bind(self) -> None:
        """Bind as any server does: the library's own asks the name service for a name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


def check_token(host: str, token: str | None) -> None:
    """Raise where an address needs a token that is not there.

    Args:
        host: An IP address.
        token: The token, ``None`` for none.

    Raises:
        ConfigurationError: It does, or the token is too short.
    """
    if token is None and not is_loopback(host):
        message = (
            f"{host} is reachable from elsewhere, so whoever scrapes it must bring a token; name a file that holds one"
            " with --token-file, or listen on 127.0.0.1"
        )
        raise ConfigurationError(message)
    if token is not None and (len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable()):
        message = f"a token has at least {LEAST_TOKEN} printable ASCII characters; make one with `openssl rand -hex 32`"
        raise ConfigurationError(message)


def verify_often(collector: Collector, every_s: float, stop: threading.Event, complain: Callable[[str], None]) -> None:
    """Verify the whole ledger now and then, until stopped.

    Args:
        collector: What verifies and keeps the answer.
        every_s: Seconds from the end of one verification to the next.
        stop: Ends it.
        complain: Gets a sentence where the ledger could not be read.
    """
    while True:
        try:
            collector.verify()
        except LedgerError as error:
            complain(str(error))
        if stop.wait(every_s):
            return


class _Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    server: MetricsServer
    server_version = "dagster-ledger"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        """Answer with the metrics."""
        path = self.path.partition("?")[0]
        if not self._is_meant():
            self._say(HTTPStatus.FORBIDDEN, "ask this server by the name localhost, or by its address\n")
        elif not self._is_allowed():
            self._say(HTTPStatus.UNAUTHORIZED, "a bearer token is needed\n", {"WWW-Authenticate": "Bearer"})
        elif path == PATH:
            self._metrics()
        elif path == "/":
            self._say(HTTPStatus.OK, _SHOWN)
        else:
            self._say(HTTPStatus.NOT_FOUND, _SHOWN)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the library's names
        """Keep quiet: a scrape every few seconds is no news."""

    def _is_meant(self) -> bool:
        """Return whether a request is for this server: a web page that renames itself to an address here is not."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        return self.server.token is not None or is_loopback(host)

    def _is_allowed(self) -> bool:
        if self.server.token is None:
            return True
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode("utf-8", "replace"), self.server.token.encode()
        )

    def _metrics(self) -> None:
        form = form_of(self.headers.get("Accept", ""))
        try:
            data = exposition(self.server.collector.collect(), form)
        except LedgerError as error:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")
            return
        self._answer(HTTPStatus.OK, data, {"Content-Type": CONTENT_TYPES[form]})

    def _say(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        self._answer(status, text.encode("utf-8", "backslashreplace"), plain | (headers or {}))

    def _answer(self, status: HTTPStatus, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the family and the numeric address of a host; of several the first, and that one is listened on."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        message = f"{host!r} is no address of this machine; give for instance 127.0.0.1:9464"
        raise ConfigurationError(message) from error
    family, _, _, _, place = found[0]
    return family, (str(place[0]), int(place[1]))
