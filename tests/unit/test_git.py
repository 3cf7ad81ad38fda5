"""What git says about a directory, whatever surrounds the process."""

import os
import subprocess

import pytest

from ledger.git import changed_files, code_state, entries_at, grafts, redirections, replacements, source_digest

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


def printed_source(project, commit):
    """Return what the digest is taken over, as a person would get it."""
    listing = f"git ls-tree -r -z --full-tree {commit}"
    ids = f"git ls-tree -r --full-tree {commit} | awk '$2 == \"blob\" {{ print $3 }}'"
    script = f"{{ {listing}; {ids} | git cat-file --batch; }} | sha256sum"
    done = subprocess.run(["bash", "-c", script], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def test_the_digest_of_a_source_is_that_of_what_git_prints(repository):
    made = commit(repository, **{"a file": b"\x00\r\n", "b\tb": b"", "ä": b"text"})
    assert source_digest(repository, made) == printed_source(repository, made)


def test_the_digest_of_a_source_depends_on_nothing_but_the_commit(repository):
    made = commit(repository, code=b"1\n")
    before = source_digest(repository, made)
    (repository / ".git" / "info" / "attributes").write_text("code export-ignore\n* text eol=crlf\n")
    (repository / "code").write_bytes(b"2\n")
    assert source_digest(repository, made) == before
    assert source_digest(repository, commit(repository, code=b"2\n")) != before


def test_changed_files_are_found_although_the_index_is_told_to_look_away(repository):
    made = commit(repository, one=b"1\n", two=b"2\n", three=b"3\n")
    assert changed_files(repository, made) == []
    git(repository, "update-index", "--assume-unchanged", "one")
    git(repository, "update-index", "--skip-worktree", "two")
    (repository / "one").write_bytes(b"other\n")
    (repository / "two").write_bytes(b"other\n")
    assert changed_files(repository, made) == ["one", "two"]


def test_looking_for_changes_leaves_the_index_alone(repository):
    made = commit(repository, one=b"1\n")
    before = (repository / ".git" / "index").read_bytes()
    changed_files(repository, made)
    assert (repository / ".git" / "index").read_bytes() == before


def test_symbolic_links_are_told_from_files(repository):
    (repository / "below").mkdir()
    (repository / "below" / "link").symlink_to("/etc/passwd")
    made = commit(repository, **{"below/file": b"1"})
    found = {entry.path: entry.is_file for entry in entries_at(repository, made, "below")}
    assert found == {"below/file": True, "below/link": False}


def test_replacements_and_grafts_are_told(repository):
    first, second = commit(repository, one=b"1\n"), commit(repository, one=b"2\n")
    assert (replacements(repository), grafts(repository)) == ([], False)
    git(repository, "replace", second, first)
    assert replacements(repository) == [f"refs/replace/{second}"]
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "grafts").write_text(f"{second}\n")
    assert grafts(repository) is True


def test_variables_that_redirect_git_are_named_and_others_are_not():
    assert redirections({"GIT_DIR": "/x", "GIT_AUTHOR_NAME": "a", "GIT_BRANCH": "main"}) == ["GIT_DIR"]
