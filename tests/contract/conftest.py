"""An S3 server in this process, and what stands between it and a ledger when a network is not what it should be."""

import http.client
import logging
import threading
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

KEY, SECRET = "AKIALEDGERTESTS", "a-secret-that-nobody-may-read"
_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of an S3 server that forgets everything when the tests end."""
    server = start_s3()
    yield address(server)
    server.stop()


@pytest.fixture
def s3_uri(s3_endpoint, tmp_path, monkeypatch):
    """A fresh prefix in a fresh bucket, the environment set for it, and an empty cache."""
    set_environment(monkeypatch, s3_endpoint, tmp_path)
    return f"s3://{make_bucket(s3_endpoint)}/teams/ledger"


@pytest.fixture
def go_between(s3_endpoint):
    """A server before the S3 server; ``go_between.asked`` are the methods it passed on."""
    server = GoBetween(s3_endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class GoBetween(ThreadingHTTPServer):
    """Passes requests on, without the headers in ``drops``.

    Each of ``trouble`` happens to one PUT or POST: its answer is lost, or it is not passed on and gets this status and
    content.
    """

    daemon_threads = True

    def __init__(self, endpoint):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = endpoint.removeprefix("http://")
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.drops, self.trouble, self.asked = set(), [], []

    def handle_error(self, request, client_address):
        """Say nothing: a client may leave."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server.asked.append(self.command)
        trouble = server.trouble.pop(0) if server.trouble and self.command in {"PUT", "POST"} else None
        if isinstance(trouble, tuple):
            self._answer(trouble[0], {}, trouble[1])
            return
        kept = {name: value for name, value in self.headers.items() if name.lower() not in server.drops}
        connection = http.client.HTTPConnection(server.behind, timeout=30)
        connection.request(self.command, self.path, body=body, headers=kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if trouble == "answer lost":
            self.close_connection = True
            return
        self._answer(answer.status, dict(answer.getheaders()), content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815 - as the standard library calls them

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), len(content))
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length if self.command == "HEAD" else len(content)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    def log_message(self, *_):
        pass


def start_s3():
    """Start an S3 server; all of a process have the same buckets."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second to load

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    server._server.app = _one_at_a_time(server._server.app)
    return server


def _one_at_a_time(app):
    """Let nothing come between a condition and its put, as S3 promises; moto's threads do, on a busy machine."""
    lock = threading.Lock()

    def answer(environ, start_response):
        with lock:
            return list(app(environ, start_response))

    return answer


def address(server):
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def request(endpoint, method, path, data=None):
    """Ask the S3 server as nobody: it looks at signatures only when it is told to."""
    kind = {"Content-Type": "application/octet-stream"}
    asked = urllib.request.Request(endpoint + path, method=method, data=data, headers=kind)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def make_bucket(endpoint):
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    request(endpoint, "PUT", f"/{bucket}")
    return bucket


def set_environment(monkeypatch, endpoint, tmp_path):
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ALLOW_HTTP", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
