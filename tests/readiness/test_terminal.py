"""Passphrases are asked for in the terminal, and agents that answer nonsense are no agents."""

import base64
import os
import pty
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.attestation.agent import held, raw_ed25519
from ledger.attestation.programs import environment
from tests.readiness.site import ALICE, JOB, git, make_key

PASSPHRASE = "correct horse"  # noqa: S105 - of keys that only these tests have
SIGN = """
import pathlib, sys
from ledger.attestation import signed_text
from ledger.errors import LedgerError
try:
    print(signed_text(b"x", pathlib.Path(sys.argv[1]), "n"))
except LedgerError as error:
    print(f"refused: {error}")
"""


def own_environment() -> dict[str, str]:
    left = {name: value for name, value in os.environ.items() if name not in {"SSH_AUTH_SOCK", "DISPLAY"}}
    return left | {"PYTHONPATH": os.pathsep.join(sys.path)}


def in_terminal(directory: Path, answers: dict[str, str], *words: str, piped: bool = False) -> tuple[int, str]:
    """Run Python in a terminal of its own and answer what is asked; return its exit code and what was shown.

    Args:
        directory: Where to run it.
        answers: Part of a question to its answer.
        words: Arguments of Python.
        piped: Whether its standard input is not the terminal.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        if piped:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execve(sys.executable, [sys.executable, *words], own_environment())  # noqa: S606 - a child of a terminal
    shown, seen = "", 0
    while select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 1024).decode()
        except OSError:  # The last who had the terminal closed it.
            break
        for question, answer in answers.items():
            if question in shown[seen:]:
                seen = len(shown)
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


@pytest.fixture
def project(tmp_path):
    place = tmp_path / "project"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    return place


INIT = ("-m", "ledger_cli.main", "keys", "init", "--principal", ALICE, "--role", "ops", "--job", JOB, "--key")


@pytest.mark.parametrize("piped", [False, True])
def test_the_passphrase_of_a_new_key_is_asked_for(project, tmp_path, piped):
    key = tmp_path / "outside" / "alice"
    answers = {"Enter passphrase": PASSPHRASE, "Enter same passphrase": PASSPHRASE}
    code, shown = in_terminal(project, answers, *INIT, str(key), piped=piped)
    assert code == 0, shown
    assert PASSPHRASE not in shown
    without = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(key)], capture_output=True, check=False)
    assert without.returncode != 0, "it has no passphrase"


def test_without_a_terminal_no_key_is_made_unasked(project, tmp_path):
    key = tmp_path / "outside" / "alice"
    done = subprocess.run(
        [sys.executable, *INIT, str(key)], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=project,
        start_new_session=True, check=False, env=own_environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no terminal to ask for the passphrase" in done.stderr
    assert not key.exists()
    assert not (project / "config").exists()


@pytest.fixture
def locked(tmp_path):
    """A key with a passphrase."""
    key = make_key(tmp_path / "locked")
    words = ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return key


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize(
    ("answer", "expected"), [(PASSPHRASE, "BEGIN SSH SIGNATURE"), ("wrong", "cannot be used: its passphrase is wrong")]
)
def test_the_passphrase_of_a_key_is_asked_for_when_it_signs(locked, tmp_path, answer, expected, piped):
    answers = {"Enter passphrase for": answer, "Bad passphrase": ""}
    _, shown = in_terminal(tmp_path, answers, "-c", SIGN, str(locked), piped=piped)
    assert expected in shown
    assert PASSPHRASE not in shown


def test_what_keeps_a_key_from_signing_is_one_sentence(locked, tmp_path):
    shared = make_key(tmp_path / "shared")
    shared.chmod(0o644)
    expected = {locked: "there was no terminal to ask for it", shared: f"take that away with `chmod 600 {shared}`"}
    for key, told in expected.items():
        done = subprocess.run(
            [sys.executable, "-c", SIGN, str(key)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
            start_new_session=True, check=True, env=own_environment(),
        )  # fmt: skip
        assert done.stdout.startswith("refused: ")
        assert told in done.stdout
        assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "reply",
    [b"", b"\0", b"\0\0\0\0", b"\0\0\0\x05\x05", b"\xff\xff\xff\xff", b"\0\0\0\x01\x0e", b"\0\0\0\x06\x0e\0\0\0\x09x"],
)
def test_an_agent_that_answers_nonsense_is_no_agent(tmp_path, reply):
    blob = make_key(tmp_path / "k").with_name("k.pub").read_text().split()[1]
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def answer():
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        assert base64.b64decode(blob) not in held(path)
        assert raw_ed25519(b"data", blob, {"SSH_AUTH_SOCK": path}) is None
        thread.join()


def test_only_named_variables_reach_openssh(monkeypatch):
    for name in ("LD_PRELOAD", "OPENSSL_CONF", "SSH_SK_PROVIDER", "SSH_AUTH_SOCK", "GIT_DIR", "TZ", "SSH_ASKPASS"):
        monkeypatch.setenv(name, "/elsewhere")
    assert environment().keys() <= {"PATH", "TMPDIR", "LC_ALL", "TZ"}
    assert (environment()["TZ"], environment()["LC_ALL"]) == ("UTC", "C")
    asking = environment(asking=True)
    assert asking["SSH_ASKPASS"] == "/elsewhere"
    assert not {"LD_PRELOAD", "OPENSSL_CONF", "SSH_SK_PROVIDER", "SSH_AUTH_SOCK", "GIT_DIR"} & asking.keys()
