"""Whatever is typed: one of the documented exit codes, no traceback, and the ledger as sound as before.

The words are made from the commands' own options, with values that fit, nearly fit, and fit nowhere; the seed is fixed.
"""

import random
import re
from pathlib import Path

import click
import pytest

from ledger.store import open_store
from ledger_cli.main import cli, main
from tests.cli.conftest import every_command

LINES, PARTS, SEED = 500, 5, 20_261_126
DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 130})
WORDS = (
    "", " ", "-", "--", "-1", "0", "1", "3", "1.5", "1e309", "nan", "-inf", "99999999999999999999", "latest",
    "11111111", "22222222-bad", "11111111-good", "enrich", "companies", "match_rate", "duration_s", "HEAD", "main",
    "last:20", "last:-1", "last:", "ref:", "ref:nowhere", "commit:abcdef0", "window:2026-01-01..2026-01-02",
    "window:..", "files", "2h", "0h", "7d", "2026-11-23", "2026-13-45", "9999-12-31T23:59:59+14:00", "0001-01-01",
    "key=value", "=", "=x", "chunk_size=5", "chunk_size=", "regression.limits.time=-1", "limits={", "a:b",
    "json=out.json", "junit=", "markdown=no/such/dir/x", "sarif=.", "out.json", "no/such/file", ".", "/dev/null",
    "ledger", "text.txt", "binary.bin", "alice@example.org", "SHA256:abc", "\u202eright to left", "caf\udce9",
    "line\nbreak", "\x1b[31mred", "'; DROP TABLE runs; --", "{}", "[]", "🦆" * 50, "x" * 10_000, "--help",
    "--nonsense", "--debug-", "%s%n", "$(true)", "*", "a/b/c", "\\", "true",
)  # fmt: skip
NEVER = frozenset({"--follow", "--debug"})
"""Following never ends, and debugging is for tracebacks."""
SLOW = frozenset({"run", "confirm", "smoke", "guard"})
"""Commands that start other programs; they get a smaller share."""


def value_for(parameter: click.Parameter, source: random.Random) -> str:
    """Return a value: two times in three one that the parameter may take."""
    if isinstance(parameter.type, click.Choice) and source.random() < 0.67:
        return str(source.choice(list(parameter.type.choices)))
    if isinstance(parameter.type, click.types.IntParamType) and source.random() < 0.67:
        return str(source.randint(0, 5))
    return source.choice(WORDS)


def line(source: random.Random, known: list[tuple[click.Command, tuple[str, ...]]]) -> list[str]:
    """Return the words of one command line."""
    command, words = source.choice(known)
    while SLOW & set(words) and source.random() < 0.8:
        command, words = source.choice(known)
    found = list(words)
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            found += [value_for(parameter, source) for _ in range(source.choice((0, 1, 1, 1, 2)))]
        elif isinstance(parameter, click.Option) and not NEVER & set(parameter.opts):
            chance = 0.8 if parameter.required else 0.25
            for _ in range(source.choice((1, 1, 1, 2))):
                if source.random() < chance:
                    found.append(source.choice(parameter.opts))
                    found += [] if parameter.is_flag else [value_for(parameter, source)]
    if source.random() < 0.1:
        found.insert(source.randint(0, len(found)), source.choice(WORDS))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_that_is_typed_ends_in_a_traceback_or_damages_the_ledger(
    recorded, place, capfd, monkeypatch, tmp_path, part
):
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(place))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "never")
    (tmp_path / "text.txt").write_text("a text\n")
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)))
    source = random.Random(SEED + part)
    known = [
        (command, words)
        for command, words in every_command(cli)
        if not isinstance(command, click.Group) and words[-1] != "serve"
    ]
    before = {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    wrong = []
    for _ in range(LINES // PARTS):
        words = line(source, known)
        code = main(words)
        out, errors = capfd.readouterr()
        told = out + errors
        unexplained = code in {2, 5} and not told.strip()
        crashed = "Traceback (most recent call last)" in told or "internal error" in told
        if code not in DOCUMENTED or unexplained or crashed:
            wrong.append(f"{[word[:60] for word in words]} left with {code}: {told[-600:]!r}")
    assert not wrong, "\n".join(wrong)
    store = open_store(str(place))
    assert store.problems() == []
    after = {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    changed = [path for path, content in before.items() if after.get(path, content) != content]
    assert changed == []


def test_the_exit_codes_held_against_are_the_documented_ones():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (told,) = re.findall(
        r"Exit codes: (.*?)\n\n", " ".join(readme.split("## What it promises")[0].splitlines()) + "\n\n"
    )
    crash = 70  # Documented, and never what a command line may come to.
    assert {int(number) for number in re.findall(r"\b\d+\b", told)} == DOCUMENTED | {crash}
