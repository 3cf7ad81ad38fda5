"""Forks processes that append to streams of their own until they are killed: ``append_worker.py LEDGER TOLD N``.

Each writes number and digest of an append into its file below TOLD, after the append was acknowledged. What one
write(2) has given to the kernel survives the death of the process.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.store.directory import DirectoryMedium
from ledger.store.parquet import ParquetStore

EVENTS_PER_BATCH = 5


def append_for_ever(place: Path, worker: str, told: Path) -> None:
    store = ParquetStore.open(DirectoryMedium(place))
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    last, number = None, 0
    while True:
        first = number * EVENTS_PER_BATCH
        events = [
            (datetime.now(UTC), MetricMeasured(asset=worker, metric="m", value=float(first + i), unit="s"))
            for i in range(EVENTS_PER_BATCH)
        ]
        last = freeze(f"run/{worker}", events, after=last)
        store.append(last)
        os.write(descriptor, f"{number} {last.digest}\n".encode())
        number += 1


def main(place: str, told: str, processes: str) -> None:
    pids = []
    for number in range(int(processes)):
        pid = os.fork()
        if pid == 0:
            append_for_ever(Path(place), f"w{number}", Path(told) / f"w{number}")
        pids.append(pid)
    sys.stdout.write(" ".join(map(str, pids)) + "\n")
    sys.stdout.flush()
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
