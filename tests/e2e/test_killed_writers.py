"""Fifty processes append at once and are killed at random: what was acknowledged is there once, nothing is partial."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest

from ledger.events.digest_bulk import batch_digests
from ledger.store import open_store

WORKER = Path(__file__).with_name("append_worker.py")
PROCESSES = 50
EVENTS_PER_BATCH = 5
BYTES_BETWEEN_KILLS = 1_000
"""About fourteen acknowledged appends, by whichever processes still live."""


@pytest.mark.slow
@pytest.mark.xdist_group("kill")
def test_every_acknowledged_event_is_there_exactly_once(tmp_path):
    place, told = tmp_path / "ledger", tmp_path / "told"
    told.mkdir()
    store = open_store(str(place), create=True)
    command = [sys.executable, str(WORKER), str(place), str(told), str(PROCESSES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        files = [told / f"w{number}" for number in range(PROCESSES)]
        # All fifty write at the same time: the kills begin when each has had its first append acknowledged.
        while not all(path.exists() and path.stat().st_size for path in files):
            assert parent.poll() is None
            os.sched_yield()
        randomness = random.Random(20261123)
        for pid in randomness.sample(pids, PROCESSES):
            # Wait for work, not for time: those that live get some appends done between two kills.
            goal = _told(files) + randomness.randrange(BYTES_BETWEEN_KILLS)
            while _told(files) < goal:
                os.sched_yield()
            os.kill(pid, signal.SIGKILL)
    events = store.read()
    digests = batch_digests(events)
    acknowledged = 0
    for path in files:
        lines = [line.split() for line in path.read_text().splitlines()]
        assert [digests[f"run/{path.name}", int(number)] for number, _ in lines] == [digest for _, digest in lines]
        assert [int(number) for number, _ in lines] == list(range(len(lines)))
        own = events.filter(pc.equal(events.column("asset"), path.name)).sort_by("seq").column("value").to_pylist()
        assert own == [float(i) for i in range(len(own))], "an event is missing, doubled or out of order"
        batches, rest = divmod(len(own), EVENTS_PER_BATCH)
        assert rest == 0, "a batch is visible in part"
        # The one append that was under way when the kill came may be there without having been told.
        assert len(lines) <= batches <= len(lines) + 1
        acknowledged += len(lines)
    assert acknowledged > PROCESSES
    assert store.problems() == []


def _told(files):
    return sum(path.stat().st_size for path in files)
