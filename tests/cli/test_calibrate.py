"""``calibrate``: what it says, and that too little is neither a pass nor an error of usage."""

import pytest

from ledger.store import open_store
from tests.pasts import noisy, past


@pytest.fixture
def store(place):
    found = open_store(str(place), create=True)
    past(found, noisy(30, cv=0.04))
    return found


def test_rates_noise_limits_and_runs_are_told(store, command):
    said = command("calibrate", "--splits", "20")
    assert said.code == 0
    assert said.out.startswith("30 comparable runs of nightly (0 others left out), gates of 10x5 runs, seed 0")
    for words in ("20 gates, runs split at random", "any metric regressed", "held 10x5", "runs for 10%", "duration_s"):
        assert words in said.out


def test_json_holds_all_of_it_and_is_the_same_again(store, command):
    words = ("calibrate", "--splits", "20", "--runs", "6x4", "--format", "json")
    first = command(*words)
    assert command(*words).out == first.out
    found = first.json
    assert (found["baseline_runs"], found["candidate_runs"], found["independent_gates"]) == (6, 4, 3)
    assert [replays["way"] for replays in found["replays"]] == ["random", "in_order"]
    assert set(found["metrics"][0]["held"]) == {"6x4", "5x3", "5x5", "5x10", "5x20"}


def test_too_few_comparable_runs_are_inconclusive(store, command):
    said = command("calibrate", "--runs", "20x20")
    assert said.code == 3
    assert "30 of 30 runs of nightly" in said.err
    assert len(said.err.splitlines()) == 1


def test_an_empty_ledger_is_said(place, command):
    open_store(str(place), create=True)
    said = command("calibrate")
    assert said.code == 2
    assert "no successful runs" in said.err


@pytest.mark.parametrize("size", ["10", "0x5", "ax5", "10x", "-1x5"])
def test_a_wrong_number_of_runs_is_said(store, command, size):
    said = command("calibrate", "--runs", size)
    assert said.code == 2
    assert "such as 10x5" in said.err
