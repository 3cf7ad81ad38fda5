"""What git says about a directory, whatever surrounds the process."""

import os
import subprocess

import pytest

from ledger.git import code_state

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(directory, *arguments):
    command = ["git", "-C", str(directory), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    place = tmp_path / "code"
    place.mkdir()
    git(place, "init", "-q")
    return place


@pytest.fixture
def committed(repository):
    (repository / "a.py").write_text("a = 1\n")
    git(repository, "add", "a.py")
    git(repository, "commit", "-q", "-m", "first")
    return repository


def test_a_clean_checkout_has_its_commit(committed):
    state = code_state(committed)
    assert state.commit == git(committed, "rev-parse", "HEAD")
    assert not state.dirty


def test_a_changed_file_makes_it_dirty_and_an_untracked_one_does_not(committed):
    (committed / "new.py").write_text("")
    assert not code_state(committed).dirty
    (committed / "a.py").write_text("a = 2\n")
    assert code_state(committed).dirty
    git(committed, "add", "a.py")
    assert code_state(committed).dirty


def test_a_directory_below_belongs_to_the_repository(committed):
    below = committed / "deep" / "er"
    below.mkdir(parents=True)
    assert code_state(below) == code_state(committed)


def test_no_repository_no_commit_or_no_directory_is_none(tmp_path, repository):
    (tmp_path / "plain").mkdir()
    assert code_state(tmp_path / "plain") is None
    assert code_state(repository) is None
    assert code_state(tmp_path / "missing") is None


def test_without_git_it_is_none(committed, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_state(committed) is None


def test_variables_that_point_git_elsewhere_are_ignored(committed, monkeypatch, tmp_path):
    expected = code_state(committed)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert code_state(committed) == expected


def test_looking_changes_nothing_in_the_repository(committed):
    index = committed / ".git" / "index"
    os.utime(committed / "a.py", (1, 1))
    before = index.read_bytes()
    code_state(committed)
    assert index.read_bytes() == before


def test_a_file_name_that_is_not_utf_8_is_no_obstacle(committed):
    name = b"caf\xe9.py".decode("utf-8", "surrogateescape")
    git(committed, "config", "core.quotePath", "false")
    (committed / name).write_text("")
    git(committed, "add", "-A")
    assert code_state(committed).dirty
