"""The live view: a report that is kept up to its ledger, and what runs now; nothing is written to the ledger.

Rules:
- Whoever asks gets what is there at once; the report is made anew beside them, when the ledger holds something that
  changes it, and not so often that making it would be all that the machine does.
- What goes wrong meanwhile is told with what was there before; the view never goes away for it.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from ledger.errors import LedgerError
from ledger.report import overview_document, overview_markdown
from ledger.report.html import page, payload
from ledger.report.json import dump, plain
from ledger.report.overview import Overview
from ledger.service.overview.running import RunningRun, running
from ledger.service.project.clock import Clock, utc_now
from ledger.store.protocol import Cursor, LedgerStore

PASSING: Final = frozenset({"progress_reported", "asset_heartbeat", "chunk_completed"})
"""Kinds of events that change nothing in a report."""

AT_LEAST_EVERY_S: Final = 600.0
"""Seconds after which a report is made anew though the ledger is the same: files, and the day, have gone on."""

_SHARE: Final = 5.0
"""A report is made anew once it is this many times as old as it took to be made."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is served: the page, its data, the document and the Markdown as bytes, and a digest of the data."""

    page: bytes
    data: bytes
    document: bytes
    markdown: bytes
    digest: str


class Live:
    """A report that is kept up to its ledger."""

    def __init__(
        self, store: LedgerStore, build: Callable[[], Overview], *, every_s: float, clock: Clock = utc_now
    ) -> None:
        """Keep a report up to a ledger; the first one is made now.

        Args:
            store: The ledger.
            build: Makes the report.
            every_s: Seconds between two looks at the ledger.
            clock: Gives the time.

        Raises:
            LedgerError: The first report could not be made.
        """
        self._store, self._build, self._every_s, self._clock = store, build, every_s, clock
        self._cursor: Cursor = store.view().cursor
        self._stale, self._trouble = False, ""
        self.shown = self._made()
        self._running: tuple[RunningRun, ...] = store.consult(lambda view: running(view, clock()))

    def keep(self, stop: threading.Event) -> None:
        """Look at the ledger again and again until told to stop."""
        while not stop.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Look at the ledger once; make the report anew where that is due."""
        try:
            changed, self._cursor = self._store.changes(self._cursor)
            kinds = set(changed.column("kind").to_pylist())
            self._stale = self._stale or bool(kinds - PASSING)
            if kinds or self._running:
                self._running = self._store.consult(lambda view: running(view, self._clock()))
            if self._due():
                self.shown = self._made()
                self._stale = False
            self._trouble = ""
        except LedgerError as error:
            self._trouble = f"the ledger could not be read: {error}"
        except Exception as error:  # noqa: BLE001 - a thread that ends would leave the view old, and nobody told
            self._trouble = f"internal error: {type(error).__name__}: {error}"

    def progress(self) -> bytes:
        """Return what runs now as JSON, with the digest of the report that belongs to it."""
        now = self._clock()
        found: dict[str, Any] = {
            "at": _seconds(now),
            "report": self.shown.digest,
            "trouble": self._trouble,
            "runs": [_told(run) for run in self._running],
        }
        return json.dumps(plain(found)).encode("ascii")

    def _due(self) -> bool:
        age_s = time.monotonic() - self._ready_s
        return (self._stale and age_s >= _SHARE * self._took_s) or age_s >= AT_LEAST_EVERY_S

    def _made(self) -> Shown:
        began_s = time.monotonic()
        found = self._build()
        data = json.dumps(payload(found), separators=(",", ":"), allow_nan=False).encode("ascii")
        digest = hashlib.sha256(data).hexdigest()
        shown = Shown(
            page=_bytes(page(found, live_every_s=self._every_s, digest=digest)),
            data=data,
            document=_bytes(dump(overview_document.document(found)) + "\n"),
            markdown=_bytes(overview_markdown.markdown(found)),
            digest=digest,
        )
        self._ready_s = time.monotonic()
        self._took_s = self._ready_s - began_s
        return shown


def _told(run: RunningRun) -> dict[str, Any]:
    assets = [asdict(one) | {"heard": _seconds(one.heard)} for one in run.assets]
    return asdict(run) | {"started": _seconds(run.started), "assets": assets}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else round(moment.timestamp(), 3)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
