"""The reference is what the code says, and says something of everything."""

import click
import pytest

from ledger.settings import Settings
from ledger_cli.main import cli
from tests.docs.reference import NAMES, PLACE, each_command, models, page


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_what_the_code_says(name):
    written = (PLACE / name).read_text(encoding="utf-8")
    assert written == page(name), "write it anew: python -m tests.docs.reference"


def test_nothing_else_is_in_the_reference():
    assert {path.name for path in PLACE.iterdir()} == set(NAMES)


def test_every_command_option_and_setting_says_what_it_is():
    for path, command in each_command(cli, "dagster-ledger"):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help or parameter.name == "form", f"{path} --{parameter.name}"
    for path, model in [("", Settings), *models(Settings)]:
        for name, field in model.model_fields.items():
            assert field.description, f"{path}.{name}"
