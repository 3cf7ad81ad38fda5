"""Looks after a ledger while it is used: seals it, and compacts it when there are many loose files.

Rules:
- None of this is on the append path, and nothing depends on it: a ledger that is never sealed is whole, only slower to
  read and not yet verifiable. So what goes wrong is logged, and does not fail the run that happened to be there.
"""

import logging
from collections.abc import Callable
from typing import Final

from ledger.errors import LedgerError
from ledger.service.reading.standing import compacted_standing
from ledger.settings import Settings
from ledger.store.protocol import LedgerStore, SealingStore

_log: Final = logging.getLogger(__name__)


def after_step(store: LedgerStore, settings: Settings) -> None:
    """Seal once this process has appended ``ledger_seal_appends`` times since it last did."""
    if isinstance(store, SealingStore) and store.appended >= settings.ledger_seal_appends:
        _try(store, lambda: _sealed(store))


def after_run(store: LedgerStore, settings: Settings) -> None:
    """Seal; from ``ledger_compact_appends`` loose files on compact too, and make the snapshot for the next reader."""
    if not isinstance(store, SealingStore):
        return
    _try(store, lambda: _sealed(store))
    if store.loose_files() >= settings.ledger_compact_appends:
        _try(store, lambda: _compacted(store, settings))


def _sealed(store: SealingStore) -> None:
    done = store.seal()
    for problem in done.problems:
        _log.warning("%s cannot be sealed: %s", problem.where, problem.what)


def _compacted(store: SealingStore, settings: Settings) -> None:
    done = store.compact(grace_s=settings.ledger_grace_s)
    store.consult(compacted_standing)
    _log.info("compacted %d appends of the ledger at %s", done.batches, store.uri)


def _try(store: SealingStore, work: Callable[[], None]) -> None:
    """Do it; a ledger that refuses is told of in the log."""
    try:
        work()
    except LedgerError as error:
        _log.warning("the ledger at %s was not looked after: %s", store.uri, error)
