"""What git says about a directory, whatever surrounds the process."""

import os
import subprocess

import pytest

from ledger.git import archive, changed_files, code_state, odd_entries

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


def commit(project, **files):
    """Write files, commit them, and return the commit."""
    for name, content in files.items():
        (project / name).write_bytes(content)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "more")
    return code_state(project).commit


def test_changed_files_are_found_although_the_index_is_told_to_look_away(repository):
    made = commit(repository, one=b"1\n", two=b"2\n", three=b"3\n", four=b"4\n")
    assert changed_files(repository, made) == []
    git(repository, "update-index", "--assume-unchanged", "one")
    git(repository, "update-index", "--skip-worktree", "two")
    (repository / "one").write_bytes(b"other\n")
    (repository / "two").write_bytes(b"other\n")
    (repository / "four").unlink()
    (repository / "untracked").write_bytes(b"")
    assert not code_state(committed_again(repository)).dirty
    assert changed_files(repository, made) == ["four", "one", "two"]


def committed_again(repository):
    """Return the repository once the one change that git sees is committed."""
    git(repository, "rm", "-q", "--cached", "four")
    git(repository, "commit", "-q", "-m", "less")
    return repository


def test_looking_for_changes_leaves_the_index_alone(repository):
    made = commit(repository, one=b"1\n")
    before = (repository / ".git" / "index").read_bytes()
    changed_files(repository, made)
    assert (repository / ".git" / "index").read_bytes() == before


def test_changes_of_no_commit_are_none(repository):
    assert changed_files(repository, "0" * 40) is None


def test_what_is_no_regular_file_is_told(repository):
    (repository / "below").mkdir()
    (repository / "below" / "link").symlink_to("/etc/passwd")
    made = commit(repository, **{"below/file": b"1", "beside": b"2"})
    assert odd_entries(repository, made, "below") == ["below/link"]
    assert odd_entries(repository, made, "beside") == []
    assert odd_entries(repository, "0" * 40, "below") is None


def test_a_directory_that_is_a_link_is_told(repository):
    (repository / "below").symlink_to("elsewhere")
    assert odd_entries(repository, commit(repository, one=b"1"), "below") == ["below"]


@pytest.mark.parametrize(("name", "value"), [("tar.umask", "0077"), ("core.autocrlf", "true"), ("core.eol", "crlf")])
def test_an_archive_has_the_same_bytes_whoever_asks(repository, name, value):
    made = commit(repository, **{".gitattributes": b"*.txt text\n", "one.txt": b"1\n2\n"})
    before = archive(repository, made)
    git(repository, "config", name, value)
    assert archive(repository, made) == before
