"""Fifty processes append at once and are killed at random: what was acknowledged is there once, nothing is partial."""

import multiprocessing
import os
import random
import signal
import sys
import threading
from pathlib import Path

import pyarrow.compute as pc
import pytest

from ledger.events.digest_bulk import batch_digests
from ledger.store import open_store

sys.path.insert(0, str(Path(__file__).parent))
from append_worker import EVENTS_PER_BATCH, append_for_ever

PROCESSES = 50
ACKNOWLEDGED_BETWEEN_KILLS = 12


def _listen(told, heard):
    """Collect what a worker acknowledged until its end of the pipe is gone."""
    try:
        while True:
            heard.append(told.recv())
    except (EOFError, OSError):
        return


@pytest.mark.xdist_group("kill")
def test_every_acknowledged_event_is_there_exactly_once(tmp_path):
    place = tmp_path / "ledger"
    store = open_store(str(place), create=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["append_worker"])
    workers, heard, listeners = {}, {}, {}
    for number in range(PROCESSES):
        name, (ours, theirs) = f"w{number}", context.Pipe(duplex=False)
        workers[name] = context.Process(target=append_for_ever, args=(place, name, theirs))
        workers[name].start()
        theirs.close()
        heard[name] = [ours.recv()]  # the first append: from here on it writes together with all the others
        listeners[name] = threading.Thread(target=_listen, args=(ours, heard[name]))
        listeners[name].start()
    randomness = random.Random(20261123)
    order = randomness.sample(sorted(workers), PROCESSES)
    for name in order:
        # Wait for work, not for time: the survivors get some appends done between two kills, the last one included.
        goal = sum(map(len, heard.values())) + randomness.randrange(ACKNOWLEDGED_BETWEEN_KILLS)
        while sum(map(len, heard.values())) < goal:
            os.sched_yield()
        os.kill(workers[name].pid, signal.SIGKILL)
    for name, worker in workers.items():
        worker.join()
        listeners[name].join()
        assert worker.exitcode == -signal.SIGKILL
    events = store.read()
    digests = batch_digests(events)
    for name, told in heard.items():
        assert [digests[f"run/{name}", number] for number, _ in told] == [digest for _, digest in told]
        assert [number for number, _ in told] == list(range(len(told)))
        values = events.filter(pc.equal(events.column("asset"), name)).sort_by("seq").column("value").to_pylist()
        assert values == [float(i) for i in range(len(values))], "an event is missing, doubled or out of order"
        batches, rest = divmod(len(values), EVENTS_PER_BATCH)
        assert rest == 0, "a batch is visible in part"
        # The one append that was under way when the kill came may be there without having been told.
        assert len(told) <= batches <= len(told) + 1
    assert sum(map(len, heard.values())) > PROCESSES
    assert store.problems() == []
