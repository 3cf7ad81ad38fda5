"""Appends batches to a stream of its own until it is killed, and tells each one only after it is acknowledged."""

from datetime import UTC, datetime
from multiprocessing.connection import Connection

from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.store.parquet import ParquetStore

EVENTS_PER_BATCH = 5


def append_for_ever(place, worker: str, told: Connection) -> None:
    """Write batches of five events; send number and digest of each after ``append`` returned."""
    store = ParquetStore.open(place)
    last, number = None, 0
    while True:
        first = number * EVENTS_PER_BATCH
        events = [
            (datetime.now(UTC), MetricMeasured(asset=worker, metric="m", value=float(first + i), unit="s"))
            for i in range(EVENTS_PER_BATCH)
        ]
        last = freeze(f"run/{worker}", events, after=last)
        store.append(last)
        told.send((number, last.digest))
        number += 1
