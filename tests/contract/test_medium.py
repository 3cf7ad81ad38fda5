"""One suite for every medium."""

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.store.directory import DirectoryMedium
from ledger.store.objects import ObjectMedium

ROOT = Path(__file__).parents[2]
CONFLICT = (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
NAME = "loose/0123-00000000.parquet"
# A directory is a place of this machine, where half a second is late; a request of a bucket may be tried again.
SOON_S = 15.0


class Place:
    """Where media are opened, as often as one likes."""

    def __init__(self, kind, uri):
        self.kind, self.uri = kind, uri

    def open(self):
        return DirectoryMedium(Path(self.uri)) if self.kind == "directory" else ObjectMedium.of(self.uri)


@pytest.fixture(params=["directory", "bucket"])
def place(request, tmp_path):
    return Place(
        request.param, request.getfixturevalue("s3_uri") if request.param == "bucket" else str(tmp_path / "it")
    )


@pytest.fixture
def medium(place):
    return place.open()


def is_sentence(message):
    return "\n" not in message and len(message) < 400 and not re.search(r"Debug source|RetryError|<Error>", message)


# What every medium does


def test_what_was_put_is_read(place):
    data = bytes(range(256)) * 10
    assert place.open().put_if_absent(NAME, data) is True
    other = place.open()
    assert other.exists(NAME)
    assert other.read(NAME) == data
    assert other.paths([NAME])[0].read_bytes() == data
    assert other.size_bytes(NAME) == len(data)
    assert other.names("loose") == [NAME]


def test_a_name_is_put_once_and_never_replaced(medium):
    assert medium.put_if_absent(NAME, b"first") is True
    assert medium.put_if_absent(NAME, b"second") is False
    assert medium.put_if_absent(NAME, b"first") is False
    assert medium.read(NAME) == b"first"


def test_nothing_is_a_content_too(medium):
    assert medium.put_if_absent("loose/empty", b"")
    assert medium.read("loose/empty") == b""
    assert medium.paths(["loose/empty"])[0].read_bytes() == b""
    assert medium.size_bytes("loose/empty") == 0


def test_what_is_large_comes_whole(place):
    data = os.urandom(1 << 20) * 20
    assert place.open().put_if_absent("segments/month=2026-01/large.parquet", data)
    medium = place.open()
    assert medium.read("segments/month=2026-01/large.parquet") == data
    assert medium.paths(["segments/month=2026-01/large.parquet"])[0].read_bytes() == data


def test_what_is_not_there_is_a_missing_file(medium):
    medium.put_if_absent("loose/there", b"1")
    assert not medium.exists("loose/none")
    assert not medium.exists("none/none")
    for ask in (medium.read, medium.size_bytes, medium.age_s, lambda name: medium.paths([name])[0].read_bytes()):
        with pytest.raises(FileNotFoundError):
            ask("loose/none")


def test_a_directory_that_is_not_there_has_no_names(medium):
    assert medium.names("loose") == []
    assert medium.names("segments", recursive=True) == []
    assert not medium.holds_other_things()


def test_names_are_whole_sorted_and_of_one_directory(medium):
    inside = ["segments/a", "segments/month=2026-01/b", "segments/month=2026-01/c", "segments/month=2026-02/a"]
    for name in [*reversed(inside), "segments-of-another/x", "segmentsx", "leaves/000-010.parquet", "segments/.hidden"]:
        assert medium.put_if_absent(name, name.encode())
    assert medium.names("segments", recursive=True) == inside
    assert medium.names("segments/month=2026-01") == inside[1:3]
    assert "segments/a" in medium.names("segments")
    assert "segments/.hidden" not in medium.names("segments")
    assert medium.names("segments/month=2026-0") == []


@pytest.mark.slow
def test_more_than_a_thousand_names_are_listed_brought_and_removed(place):
    names = [f"loose/{number:05d}.parquet" for number in range(1100)]
    medium = place.open()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: medium.put_if_absent(name, name.encode()), reversed(names)))
    assert all(made)
    medium = place.open()
    assert medium.names("loose") == names
    assert medium.names("loose", recursive=True) == names
    assert [path.read_text() for path in medium.paths(names[::10])] == names[::10]
    assert sum(medium.size_bytes(name) for name in names) == sum(map(len, names))
    medium.remove(iter([*names[1:], "loose/none"]))
    assert medium.names("loose") == names[:1]
    assert place.open().names("loose") == names[:1]


def test_paths_keep_the_order_that_was_asked_for(medium):
    for name in "abc":
        medium.put_if_absent(f"loose/{name}", name.encode())
    asked = [f"loose/{name}" for name in "cabca"]
    for fresh in (False, False, True):
        assert [path.read_text() for path in medium.paths(asked, fresh=fresh)] == list("cabca")
    assert medium.paths([]) == []


def test_age_is_since_a_name_was_made(place):
    before = time.time()
    place.open().put_if_absent(NAME, b"1")
    for listed in (False, True):
        medium = place.open()
        if listed:
            medium.names("loose")
        assert -2.0 < medium.age_s(NAME) < time.time() - before + 2.0


def test_a_removed_name_is_gone_and_can_be_made_again(place):
    medium = place.open()
    medium.put_if_absent(NAME, b"first")
    assert medium.names("loose") == [NAME]
    medium.remove([NAME])
    medium.remove([NAME])
    medium.remove([])
    assert not medium.exists(NAME)
    assert medium.names("loose") == []
    with pytest.raises(FileNotFoundError):
        medium.size_bytes(NAME)
    assert medium.put_if_absent(NAME, b"second!")
    assert medium.size_bytes(NAME) == 7
    assert place.open().read(NAME) == b"second!"


def test_what_a_first_attempt_leaves_is_nothing_else(medium):
    medium.check_writable()
    medium.check_writable()
    medium.put_if_absent(NAME, b"1")
    assert not medium.holds_other_things()
    assert medium.names("loose") == [NAME]
    medium.sweep()
    assert medium.names("loose") == [NAME]
    medium.put_if_absent("LEDGER", b"format 1\n")
    assert medium.holds_other_things()


def test_a_directory_of_others_is_something_else(medium):
    medium.put_if_absent("photos/of/mine.jpeg", b"1")
    assert medium.holds_other_things()


def test_a_place_is_called_as_it_was_named(place):
    medium = place.open()
    assert medium.uri == place.uri
    assert medium.where(NAME) == f"{place.uri}/{NAME}"


def test_of_eight_racing_threads_one_makes_the_name(place):
    rounds, racers = 40, 8
    start = threading.Barrier(racers)
    media = [place.open() for _ in range(racers)]

    def race(racer):
        made = []
        for number in range(rounds):
            start.wait()
            made.append(media[racer].put_if_absent(f"loose/{number:08d}", f"{racer}".encode()))
        return made

    with ThreadPoolExecutor(racers) as pool:
        made = list(pool.map(race, range(racers)))
    for number in range(rounds):
        winners = [racer for racer in range(racers) if made[racer][number]]
        assert len(winners) == 1
        assert media[0].read(f"loose/{number:08d}") == f"{winners[0]}".encode()


RACER = """
import sys
from pathlib import Path
from ledger.store.directory import DirectoryMedium
from ledger.store.objects import ObjectMedium
medium = DirectoryMedium(Path(sys.argv[2])) if sys.argv[1] == "directory" else ObjectMedium.of(sys.argv[2])
medium.names("loose")
print("ready", flush=True)
sys.stdin.readline()
print("".join("01"[medium.put_if_absent(f"loose/{n:08d}", sys.argv[3].encode())] for n in range(15)), flush=True)
"""


def test_of_four_racing_processes_one_makes_the_name(place):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, place.kind, place.uri, str(racer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for racer in range(4)
    ]
    for racer in started:
        assert racer.stdout.readline() == "ready\n"
    for racer in started:
        racer.stdin.write("\n")
        racer.stdin.flush()
    made = [racer.communicate(timeout=60)[0].strip() for racer in started]
    medium = place.open()
    for number in range(15):
        winners = [racer for racer in range(4) if made[racer][number] == "1"]
        assert len(winners) == 1
        assert medium.read(f"loose/{number:08d}") == f"{winners[0]}".encode()
