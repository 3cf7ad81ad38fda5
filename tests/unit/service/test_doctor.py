"""The doctor: what it says, and which kind of failure it calls it, of every state a ledger may be in."""

import dataclasses
import subprocess

import pytest

from ledger.events import AssetStarted, asset_stream
from ledger.measure import current_process
from ledger.service.project.doctor import diagnose
from ledger.service.recording.recorder import StreamRecorder
from ledger.store import open_store
from tests.recorded import attempt


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project with a ledger of two attempts, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    store = open_store(str(tmp_path / ".ledger"), create=True)
    for number in range(2):
        attempt(store, "r", f"a{number}", "success")
    return tmp_path


def found(what, uri=None):
    return [(entry.state, entry.said, entry.cause) for entry in diagnose(uri) if entry.what == what]


def files(place):
    return sorted((place / ".ledger" / "loose").glob("*.parquet"))


def test_a_good_ledger_is_counted_and_nothing_fails(place):
    ((state, said, cause),) = found("ledger")
    assert (state, cause) == ("ok", None)
    assert said == f"8 events in 2 appends at {place / '.ledger'}, every digest is right"
    assert {entry.state for entry in diagnose()} <= {"ok", "warn"}
    assert found("open attempts") == []


def test_everything_that_is_looked_at_is_said_in_the_same_order(place):
    assert [entry.what for entry in diagnose()] == [
        "python", "configuration", "memory peaks", "git", "Dagster's home", "ledger",
    ]  # fmt: skip


def test_no_ledger_is_a_warning_with_the_way_to_make_one_and_makes_none(place):
    ((state, said, cause),) = found("ledger", str(place / "none"))
    assert (state, cause) == ("warn", None)
    assert "make one with `dagster-ledger run`" in said
    assert not (place / "none").exists()


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda data: data[:40] + b"\xff" * 8 + data[48:]],
    ids=["cut", "empty", "altered"],
)  # fmt: skip
def test_a_damaged_file_is_a_failure_of_integrity_that_names_the_file_and_is_left_as_it_is(place, damage):
    broken = files(place)[0]
    broken.write_bytes(damage(broken.read_bytes()))
    before = broken.read_bytes()
    ((state, said, cause),) = found("ledger")
    assert (state, cause) == ("fail", "integrity")
    assert said.startswith(str(broken))
    assert broken.read_bytes() == before


def test_a_missing_append_is_named_by_the_one_that_follows_it(place):
    store = open_store(str(place / ".ledger"))
    recorder = StreamRecorder(store, asset_stream("b", "r", None, 0))
    before = set(files(place))
    for _ in range(2):
        recorder.record(AssetStarted(asset="b", run_id="r", output_assets=("b",), host="h", pid=1))
    next(path for path in set(files(place)) - before if path.stem.endswith("0")).unlink()
    ((state, said, cause),) = found("ledger")
    assert (state, cause) == ("fail", "integrity")
    assert "which comes before it, is missing" in said


def test_of_many_damaged_files_some_are_named_and_the_others_counted(place):
    store = open_store(str(place / ".ledger"))
    for number in range(23):
        attempt(store, "r", f"more{number}", "success")
    for path in files(place):
        path.write_bytes(b"")
    told = found("ledger")
    assert len(told) == 21
    assert told[-1] == ("fail", "and 5 more problems", "integrity")


@pytest.mark.parametrize(
    ("marker", "words"),
    [("dagster-ledger 999\n", "this release reads up to"), ("hello\n", "this directory is no ledger")],
)
def test_a_ledger_of_another_format_is_a_failure_of_integrity(place, marker, words):
    (place / ".ledger" / "FORMAT").write_text(marker)
    ((state, said, cause),) = found("ledger")
    assert (state, cause) == ("fail", "integrity")
    assert words in said


def test_a_place_that_cannot_hold_a_ledger_is_a_failure_of_configuration(place):
    ((state, said, cause),) = found("ledger", "ftp://host/x")
    assert (state, cause) == ("fail", "configuration")
    assert "is neither a directory nor a file://, s3://, gs:// or az:// URI" in said


def test_a_place_below_a_file_is_told_and_not_raised(place):
    (place / "file").touch()
    ((state, said, cause),) = found("ledger", str(place / "file" / "below"))
    assert (state, cause) in {("fail", "store"), ("warn", None)}
    assert str(place / "file" / "below") in said


def test_a_wrong_configuration_is_told_with_its_place_and_ends_the_visit(place):
    (place / "config").mkdir()
    (place / "config" / "base.yaml").write_text("chunk_sise: 5\n")
    told = list(diagnose())
    assert [(entry.what, entry.state, entry.cause) for entry in told[1:]] == [
        ("configuration", "fail", "configuration")
    ]
    assert told[-1].said.startswith("config/base.yaml:1:1: there is no setting 'chunk_sise'")


def test_overrides_are_said(place, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "7")
    ((_, said, _),) = found("configuration", str(place / ".ledger"))
    assert f"project {place}" in said
    assert "overridden: chunk_size from $DAGSTER_LEDGER_CHUNK_SIZE, ledger_uri from --ledger" in said


def test_attempts_without_an_end_are_counted_with_the_way_to_close_them_and_not_closed(place):
    store = open_store(str(place / ".ledger"))
    gone = dataclasses.asdict(current_process()) | {"pid_started_ticks": 1}
    for asset, process in (("gone", gone), ("alive", dataclasses.asdict(current_process()))):
        recorder = StreamRecorder(store, asset_stream(asset, "r", None, 0))
        recorder.record(AssetStarted(asset=asset, run_id="r", output_assets=(asset,), **process))
    before = store.view().cursor
    ((state, said, cause),) = found("open attempts")
    assert (state, cause) == ("warn", None)
    assert said.startswith("1 were killed and have no end; close them with `dagster-ledger ledger reconcile`")
    assert store.view().cursor == before


def test_the_commit_is_said_where_there_is_one_and_its_lack_is_a_warning(place, monkeypatch):
    assert found("git")[0][0] == "warn"
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x", "--allow-empty")):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert found("git") == [("ok", f"commit {head[:12]}", None)]
    monkeypatch.setenv("PATH", "")
    assert "git is not on PATH" in found("git")[0][1]


def test_dagsters_home_is_said_and_a_missing_one_is_a_warning(place, monkeypatch):
    assert str(place / ".dagster_home") in found("Dagster's home")[0][1]
    monkeypatch.setenv("DAGSTER_HOME", str(place))
    assert found("Dagster's home") == [("ok", str(place), None)]
    monkeypatch.setenv("DAGSTER_HOME", str(place / "gone"))
    assert found("Dagster's home")[0][0] == "warn"
