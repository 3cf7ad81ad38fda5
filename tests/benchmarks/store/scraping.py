"""A scrape of the metrics of a large ledger: over HTTP, from a warm state, as Prometheus does it every few seconds.

Rules:
- The least that any server could take is a page of the same bytes by the same library, asked for in the same way.
- An append becomes visible between two scrapes, as it does while runs go on; the file is written before the clock runs.
"""

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from ledger.metrics import BUILT_IN
from ledger.service.monitoring.collecting import Collector, Judged
from ledger.service.monitoring.serving import MetricsServer
from ledger.settings import RegressionSettings
from ledger.store import loose
from tests.benchmarks.store import history
from tests.benchmarks.store.commands import with_tail
from tests.benchmarks.store.ledgers import Shelf, batches, store_at
from tests.benchmarks.store.measure import Effort, Results, in_turns, ratios, wall_s

JUDGED_AT: Final = 1_000_000
_MS: Final = 1000.0


def scraping(shelf: Shelf, results: Results, effort: Effort, events: int) -> None:
    """Measure scrapes of a ledger with a tail of loose files."""
    store = store_at(with_tail(shelf, effort, events))
    collector = Collector(store, Judged(Path(), RegressionSettings(), BUILT_IN))
    first_s = wall_s(collector.collect)
    appends = batches(history.made(history.runs_for(events) + 1_000, 1 + effort.rounds // 2))
    written: list[Path] = []
    with _answering(MetricsServer(("127.0.0.1", 0), collector, None)) as url:
        page = _asked(url)
        with _answering(_fixed(page)) as bare:

            def with_an_append() -> float:
                batch = next(appends)
                written.append(Path(store.medium.where(loose.file_name(batch.stream, batch.number))))
                written[-1].write_bytes(loose.encode(batch))
                return _MS * wall_s(lambda: _asked(url))

            contenders = {
                "scrape, an append since": with_an_append,
                "scrape, nothing since": lambda: _MS * wall_s(lambda: _asked(url)),
                f"a page of {len(page):,} bytes, nothing else": lambda: _MS * wall_s(lambda: _asked(bare)),
            }
            for ask in contenders.values():
                ask()
            found = in_turns(contenders, effort.rounds)
    for path in written:  # A ledger that is kept for next time is to be without them, or they would be no news then.
        path.unlink()
    case = f"{events:,} events and {effort.tail:,} loose files"
    results.add("scraping", case, "ms", found)
    results.add("scraping", case, "ms", {"the first look": [_MS * first_s]}, "reads what of the ledger is monitored")
    if events >= JUDGED_AT:
        slowest, bare_ms = found["scrape, an append since"], found[list(found)[-1]]
        over = max(ratios(slowest, bare_ms))
        results.judge("scrape", slowest, f"at {events:,} events; at most {over:.0f} times a page of the same bytes")


@contextmanager
def _answering(server: ThreadingHTTPServer) -> Iterator[str]:
    """Let a server answer until left; give its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fixed(page: bytes) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _asked(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        data: bytes = answer.read()
    return data
