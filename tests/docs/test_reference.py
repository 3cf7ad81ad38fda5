"""The reference is what the code says, and says something of everything."""

import subprocess
import sys

import click

from ledger.settings import Settings
from ledger_cli.main import cli
from tests.cli.conftest import every_command
from tests.docs.reference import NAMES, PLACE, models


def test_every_page_is_what_the_code_says():
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.reference", "--check"],
        cwd=PLACE.parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_else_is_in_the_reference():
    assert {path.name for path in PLACE.iterdir()} == set(NAMES)


def test_every_command_option_and_setting_says_what_it_is():
    for command, words in every_command(cli):
        assert command.help, words
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help or parameter.name == "form", (words, parameter.name)
    for path, model in [("", Settings), *models(Settings)]:
        for name, field in model.model_fields.items():
            assert field.description, f"{path}.{name}"
