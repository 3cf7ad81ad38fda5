"""The commands that seal, verify, prove and compact, as a person would type them."""

import json

import pytest

from ledger.store import open_store
from tests.cli.conftest import GOOD, HOSTILE

READINGS = [
    ("show", "--format", "json"),
    ("show", GOOD, "--format", "json"),
    ("show", HOSTILE),
    ("samples", "--format", "csv"),
    ("samples", "--metric", "match_rate", "--format", "json"),
    ("events", "--format", "json"),
    ("events", "--last", "5"),
    ("quality", "list"),
]


def shown(command):
    return [(said.code, said.out) for said in (command(*words) for words in READINGS)]


@pytest.fixture
def checkpoint(recorded, command, tmp_path):
    """A checkpoint of the recorded ledger, kept outside of it."""
    command("ledger", "seal")
    file = tmp_path / "checkpoint.txt"
    file.write_text(command("ledger", "checkpoint").out)
    return file


def test_whatever_is_shown_is_the_same_once_it_is_sealed_and_compacted(recorded, command):
    before = shown(command)
    assert command("ledger", "seal").code == 0
    assert shown(command) == before
    assert command("ledger", "compact", "--grace", "0s", "--quiet").code == 0
    assert shown(command) == before
    assert shown(command) == before  # The second time from snapshots.


def test_stats_count_the_same_once_compacted(recorded, command):
    before = command("ledger", "stats", "--format", "json").json
    command("ledger", "compact", "--grace", "0s", "--quiet")
    after = command("ledger", "stats", "--format", "json").json
    for name in ("events", "batches", "streams", "events_by_kind", "first_ts", "last_ts"):
        assert after[name] == before[name]
    assert after["stored_bytes"] < before["stored_bytes"]


def test_seal_says_how_many_appends_are_sealed_and_does_nothing_twice(recorded, command):
    first, again = (command("ledger", "seal", "--format", "json").json for _ in range(2))
    assert first["added"] == first["appends"] > 0
    assert again == {**first, "added": 0}


def test_verify_says_that_all_is_well_and_what_is_not_sealed(recorded, command):
    assert "all of them" not in command("ledger", "verify").out
    before = command("ledger", "verify", "--format", "json").json
    assert before["unsealed"] == before["appends"] > 0
    command("ledger", "seal")
    said = command("ledger", "verify")
    assert said.code == 0
    assert said.out.endswith(" 0 of them not sealed yet: every digest is right\n")


def test_verify_names_the_altered_file_and_ends_with_code_4(checkpoint, recorded, command, place):
    path = min((place / "loose").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    said = command("ledger", "verify")
    assert said.code == 4
    assert path.name in said.out
    assert "1 problems" in said.out
    (problem,) = command("ledger", "verify", "--format", "json").json["problems"]
    assert problem["where"] == str(path)


def test_verify_finds_that_a_checkpoint_kept_elsewhere_is_no_longer_contained(checkpoint, recorded, command, place):
    for directory in ("checkpoints", "leaves"):
        for path in (place / directory).iterdir():
            path.unlink()
    min((place / "loose").iterdir()).unlink()
    command("ledger", "seal")
    said = command("ledger", "verify", "--checkpoint", str(checkpoint))
    assert said.code == 4
    assert "taken away" in said.out or "does not contain the checkpoint given" in said.out


def test_verify_from_a_checkpoint_reads_only_what_came_after(checkpoint, recorded, command):
    everything = command("ledger", "verify", "--format", "json").json
    assert command("ledger", "compact", "--grace", "0s", "--quiet").code == 0
    rest = command("ledger", "verify", "--from", str(checkpoint), "--format", "json")
    assert rest.code == 0
    assert rest.json["events"] < everything["events"]


def test_proofs_are_checked_without_the_ledger(checkpoint, recorded, command, place, tmp_path):
    stream = command("events", "--format", "json").out.splitlines()[0]
    proof = tmp_path / "proof.json"
    for words in (("inclusion", json.loads(stream)["stream"], "0"), ("consistency", str(checkpoint))):
        proof.write_text(command("ledger", "proof", *words).out)
        assert command("ledger", "proof", "check", str(proof), ledger=None).out == "the proof holds\n"
        told = json.loads(proof.read_text())
        proof.write_text(json.dumps({**told, "root_hash": "00" * 32}))
        forged = command("ledger", "proof", "check", str(proof), ledger=None)
        assert (forged.code, forged.out) == (4, "the proof does not hold\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("ledger", "proof", "inclusion", "run/none", "0"),
            "append 0 of stream 'run/none' is not in the newest checkpo",
        ),
        (("ledger", "compact", "--grace", "soon"), "'soon' is no span of time such as 0s, 90m, 4h or 7d"),
        (("ledger", "verify", "--checkpoint", "none.txt"), "'none.txt' does not exist"),
        (("ledger", "verify", "--from", "words.txt"), "words.txt is no checkpoint"),
        (("ledger", "proof", "consistency", "words.txt"), "words.txt is no checkpoint"),
    ],
)
def test_wrong_words_get_one_sentence(recorded, command, tmp_path, words, sentence):
    (tmp_path / "words.txt").write_text("hello\n")
    said = command(*words)
    assert said.code in {2, 4}
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"proof": "inclusion"}', '{"proof": "x"}', "not json"])
def test_a_file_that_is_no_proof_is_said_to_be_none(command, tmp_path, text):
    file = tmp_path / "proof.json"
    file.write_text(text)
    said = command("ledger", "proof", "check", str(file), ledger=None)
    assert said.code == 4
    assert "is no proof as `dagster-ledger ledger proof` writes them" in said.err


def test_a_damaged_snapshot_is_found_and_read_over(recorded, command, place):
    before = shown(command)
    command("ledger", "compact", "--grace", "0s", "--quiet")
    for path in (place / "snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert shown(command) == before
    said = command("ledger", "verify")
    assert said.code == 4
    assert "snapshots" in said.out


def test_a_follower_sees_what_is_compacted_while_it_looks(recorded, place):
    store = open_store(str(place))
    cursor = store.view().cursor
    store.compact(grace_s=0.0)
    assert store.changes(cursor)[0].num_rows == 0
