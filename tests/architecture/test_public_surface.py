"""What others build on grows on purpose: commands, settings, metrics, events, exit codes, modules and their names.

A change of the list is reviewed like code: write it anew with ``pytest tests/architecture --update-golden``.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import click

import ledger
from ledger.events import KINDS
from ledger.metrics import BUILT_IN
from ledger.settings import Settings
from ledger_cli import exit_codes
from ledger_cli.main import cli

GOLDEN = Path(__file__).parents[1] / "golden" / "public_surface.txt"


def commands(command: click.Command, path: str) -> Iterator[str]:
    """Yield a command with its options and arguments, then those below it."""
    context = click.Context(command)
    words = sorted(
        "/".join(parameter.opts) if isinstance(parameter, click.Option) else parameter.human_readable_name
        for parameter in command.params
    )
    yield f"command {path}: {' '.join(words)}".rstrip(": ")
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(context)):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def modules() -> Iterator[str]:
    """Yield every public module of the library, with the names it offers where it says so."""
    for info in pkgutil.walk_packages(ledger.__path__, "ledger."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            names = getattr(importlib.import_module(info.name), "__all__", ())
            yield f"module {info.name}: {' '.join(sorted(names))}".rstrip(": ")


def surface() -> str:
    lines = [*commands(cli, "dagster-ledger")]
    lines += [
        f"setting {name} = {field.get_default(call_default_factory=True)!r}"
        for name, field in Settings.model_fields.items()
    ]
    lines += [f"metric {metric.name} {metric.unit} {metric.direction} {metric.kind}" for metric in BUILT_IN.values()]
    lines += [f"event {kind}" for kind in KINDS]
    lines += [f"exit code {name} = {value}" for name, value in vars(exit_codes).items() if name.isupper()]
    lines += [*modules()]
    return "\n".join(lines) + "\n"


def test_the_public_surface_is_the_reviewed_one(pytestconfig):
    found = surface()
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")
