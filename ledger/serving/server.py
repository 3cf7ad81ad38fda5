"""The server: a thread per connection, each answer from the routes once the guard has let it through.

It speaks plain HTTP. Beyond one machine, put a proxy that speaks TLS in front of it.
"""

import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

from ledger.errors import StoreError
from ledger.serving.guard import Guard
from ledger.serving.routing import SAFE_HEADERS, Request, Response, Routes, answer, said

IDLE_S: Final = 30.0
"""Seconds after which a connection that says nothing is closed."""


class Server(ThreadingHTTPServer):
    """A server that answers from routes."""

    daemon_threads = True

    def __init__(self, host: str, port: int, routes: Routes, guard: Guard) -> None:
        """Listen on an address.

        Args:
            host: Address, IPv4 or IPv6, or a name of this machine.
            port: Port, 0 for a free one.
            routes: What lies where.
            guard: Who may ask.

        Raises:
            StoreError: The address cannot be listened on.
        """
        self.routes, self.guard = routes, guard
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self.address_family = found[0]
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            message = f"cannot listen on {host}, port {port} ({why}); choose another with --host and --port"
            raise StoreError(message) from error

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing of who went away in the middle; anything else is told as the standard library does."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def address(self) -> str:
        """Where it is, as a browser asks for it."""
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


class _Handler(BaseHTTPRequestHandler):
    """Turns what comes over a connection into a request, and a response into what goes back."""

    server: Server
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"
    server_version = "dagster-ledger"
    sys_version = ""

    def respond(self) -> None:
        """Answer one request, whatever its method: which are known is the routes' to say."""
        self._send(self._answered())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815 - looked up by name

    def _answered(self) -> Response:
        # What follows a request with a body is not the next request; nothing here takes a body.
        if self.headers.get("content-length", "0") != "0" or self.headers.get("transfer-encoding"):
            self.close_connection = True
        where = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, where.path, where.query, headers)
        refused = self.server.guard.refusal(request)
        if refused is not None:
            return refused
        try:
            return answer(self.server.routes, request)
        except Exception as error:  # noqa: BLE001 - one answer that fails leaves the server standing
            return said(HTTPStatus.INTERNAL_SERVER_ERROR, f"internal error: {type(error).__name__}")

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in {**SAFE_HEADERS, **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Write nothing: addresses may hold a token."""
