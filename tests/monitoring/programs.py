"""The real programs of monitoring, each started on a free port and asked until it is ready."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

_LIMIT_S: Final = 60.0
_PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "prometheus-node-exporter": "prometheus-node-exporter",
}


def needed(*names: str) -> None:
    """Skip the test where one of the programs is missing."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({_PACKAGES[name] for name in missing}))
        pytest.skip(f"{', '.join(missing)} is missing (Debian: apt-get install --no-install-recommends {packages})")


def checked(*words: object) -> str:
    """Return what a checking program says; it must be content."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(condition: Callable[[], Any], what: str, limit_s: float = _LIMIT_S) -> Any:
    """Return what a condition gives once that is true."""
    end = time.monotonic() + limit_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetched(url: str, headers: dict[str, str] | None = None, data: bytes | None = None) -> tuple[int, str, dict]:
    """Return status, text and headers of an answer; status 0 where nobody answers."""
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)
    except OSError as error:
        return 0, str(error), {}


@contextmanager
def running(words: list[object], ready: str, log: Path) -> Iterator[subprocess.Popen]:
    """Run a program until left; it is ready when an address answers."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [str(word) for word in words],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"TZ": "UTC"},
        ) as process,
    ):
        try:
            until(
                lambda: process.poll() is not None or fetched(ready)[0] == 200,
                f"{words[0]} answers: {log.read_text()[-2000:]}",
            )
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def metrics_server(project: Path, ledger: Path, log: Path, port: int, *words: str) -> Iterator[str]:
    """Run ``metrics serve``; give its address."""
    command = [sys.executable, "-m", "ledger_cli.main", "metrics", "serve", "--listen", f"127.0.0.1:{port}"]
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [*command, *words, "--ledger", str(ledger)], stdout=output, stderr=output, cwd=project
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}/metrics"
            until(lambda: process.poll() is not None or fetched(url)[0], f"{url} answers: {log.read_text()[-2000:]}")
            assert process.poll() is None, log.read_text()
            yield url
        finally:
            process.terminate()
            assert process.wait(30) == 0


class Webhook:
    """A server that alerts are told to, and what it was told."""

    def __init__(self) -> None:
        told: list[dict] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args) -> None:
                pass

        self.told = told
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def alerts(self, status: str, alert: str, **labels: str) -> list[dict]:
        """Return what was told of an alert in a state."""
        return [
            one
            for one in list(self.told)
            if one["status"] == status
            and one["labels"]["alertname"] == alert
            and all(one["labels"].get(name) == value for name, value in labels.items())
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Prometheus:
    """A running Prometheus that is asked."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expr: str, **more: str) -> list[dict]:
        """Return the answer to an expression."""
        text = urllib.parse.urlencode({"query": expr, **more})
        status, body, _ = fetched(f"{self.url}/api/v1/query?{text}")
        answer = json.loads(body)
        assert (status, answer["status"]) == (200, "success"), (expr, body)
        found = answer["data"]["result"]
        return found if answer["data"]["resultType"] != "scalar" else [found]

    def alerts(self) -> list[dict]:
        return json.loads(fetched(f"{self.url}/api/v1/alerts")[1])["data"]["alerts"]

    def evaluated(self) -> int:
        """Return how often rules were evaluated."""
        told = re.findall(
            r"^prometheus_rule_group_iterations_total\{.*\} (\S+)$", fetched(f"{self.url}/metrics")[1], re.MULTILINE
        )
        return min((int(float(count)) for count in told), default=0)


@contextmanager
def prometheus(place: Path, config: dict, *words: str, port: int | None = None) -> Iterator[Prometheus]:
    """Run Prometheus with a configuration."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "prometheus.yml").write_text(yaml.safe_dump(config))
    checked("promtool", "check", "config", place / "prometheus.yml")
    url = f"http://127.0.0.1:{port or free_port()}"
    command = [
        "prometheus", f"--config.file={place / 'prometheus.yml'}", f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}", *words,
    ]  # fmt: skip
    with running(command, f"{url}/-/ready", place / "prometheus.log"):
        yield Prometheus(url)


@contextmanager
def alertmanager(place: Path, config: Path) -> Iterator[str]:
    """Run Alertmanager with a configuration; give its address."""
    place.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={place}",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with running(command, f"http://{address}/-/ready", place / "alertmanager.log"):
        yield address
