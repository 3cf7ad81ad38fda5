"""How a ledger goes from one job to the next: a copy that two jobs append to is merged by copying loose files."""

import json
import shutil

import pytest

from ledger.store import open_store
from ledger_cli.main import main
from tests.contract.conftest import address, make_bucket, set_environment, start_s3
from tests.judged import batches, story, write


def record(place, first, count):
    store = open_store(str(place), create=True)
    for number, values in story(count, first=first):
        write(store, batches(number, values))
    assert main(["ledger", "seal", "--ledger", str(place)]) == 0


def merge(source, target):
    """Copy what the target does not have, as ``cp -n source/loose/* target/loose/`` does."""
    for path in sorted((source / "loose").iterdir()):
        if not (target / "loose" / path.name).exists():
            shutil.copy2(path, target / "loose" / path.name)
    assert main(["ledger", "seal", "--ledger", str(target)]) == 0


def runs(place, capsys):
    capsys.readouterr()
    assert main(["show", "--format", "json", "--ledger", str(place)]) == 0
    return {row["run_id"] for row in json.loads(capsys.readouterr().out)}


@pytest.fixture
def copies(tmp_path):
    """A ledger and two copies of it, each of which another job appended to."""
    main_, one, two = tmp_path / "main", tmp_path / "one", tmp_path / "two"
    record(main_, 0, 3)
    shutil.copytree(main_, one)
    shutil.copytree(main_, two)
    record(one, 3, 2)
    record(two, 5, 2)
    return main_, one, two


def test_what_two_jobs_appended_to_copies_comes_together(copies, capsys):
    main_, one, two = copies
    merge(one, main_)
    merge(two, main_)
    assert main(["ledger", "verify", "--ledger", str(main_)]) == 0
    assert runs(main_, capsys) == {f"run-{number:03}" for number in range(7)}


def test_merging_again_or_in_another_order_changes_nothing_that_is_shown(copies, capsys):
    main_, one, two = copies
    merge(two, main_)
    merge(one, main_)
    merge(two, main_)
    assert main(["ledger", "verify", "--ledger", str(main_)]) == 0
    assert runs(main_, capsys) == {f"run-{number:03}" for number in range(7)}


def test_a_ledger_that_began_elsewhere_is_merged_alike(copies, tmp_path, capsys):
    main_, *_ = copies
    record(tmp_path / "fresh", 9, 1)
    merge(tmp_path / "fresh", main_)
    assert main(["ledger", "verify", "--ledger", str(main_)]) == 0
    assert "run-009" in runs(main_, capsys)


def test_a_merge_after_the_target_was_compacted_counts_nothing_twice(copies, capsys):
    main_, one, _ = copies
    assert main(["ledger", "compact", "--grace", "0s", "--ledger", str(main_)]) == 0
    merge(one, main_)
    assert main(["ledger", "verify", "--ledger", str(main_)]) == 0
    assert runs(main_, capsys) == {f"run-{number:03}" for number in range(5)}


def test_two_jobs_with_caches_of_their_own_share_a_bucket_and_a_third_judges(tmp_path, monkeypatch, capsys):
    pytest.importorskip("obstore")
    server = start_s3()
    try:
        set_environment(monkeypatch, address(server), tmp_path)
        place = f"s3://{make_bucket(address(server))}/teams/enrichment"
        for job, (first, slower) in enumerate([(0, 1.0), (20, 1.4)]):
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{job}"))
            store = open_store(place, create=True)
            for number, values in story(20 - 15 * job, first=first, slower=slower, since=20):
                write(store, batches(number, values))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-of-the-gate"))
        monkeypatch.chdir(tmp_path)
        words = ["gate", "--baseline", "last:20", "--ledger", place, "--report", "json=gate.json"]
        assert main(words) == 1
        capsys.readouterr()
        assert json.loads((tmp_path / "gate.json").read_text())["counts"]["regressed"] == 2
    finally:
        server.stop()
