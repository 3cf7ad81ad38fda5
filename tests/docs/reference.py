"""``python -m tests.docs.reference``: writes ``docs/reference`` from the code.

Nothing below ``docs/reference`` is written by hand; with ``--check`` it only tells the pages that are not what the code
says, in a process of its own, since click remembers how help was first asked for.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Final, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ledger.events import KINDS
from ledger.metrics import BUILT_IN
from ledger.settings import Settings
from ledger_cli import exit_codes
from ledger_cli.main import cli
from tests.cli.conftest import every_command

PLACE: Final = Path(__file__).parents[2] / "docs" / "reference"
NAMES: Final = ("README.md", "commands.md", "events.md", "metrics.md", "python.md", "settings.md")
_WIDTH: Final = 100
_MADE: Final = "*Written from the code by `python -m tests.docs.reference`.*"
_TYPES: Final[Mapping[object, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "nothing",
    dict: "mapping",
    list: "list",
    tuple: "list",
}
_PYTHON: Final = {
    "ledger.dagster": "Tracking: what goes into a Dagster project.",
    "ledger.dagster.gates": "Quality gates.",
    "ledger.dagster.regression": "The regression gate as an asset check.",
    "ledger.dagster.readiness": "Readiness as an asset check.",
    "ledger.dagster.chunked": "Inputs larger than memory, inside an asset.",
    "ledger.dagster.health": "The health of the jobs as an asset.",
    "ledger.dagster.sensors": "Sensors for runs that no command watches.",
    "ledger.chunks": "The chunk runner, without Dagster.",
    "ledger.stats": "The statistics, pure and seeded.",
    "ledger.metrics": "Metrics of one's own.",
    "ledger.attestation": "Texts signed with the keys of the trust root.",
}


def page(name: str) -> str:
    """Return a page by its file name, one of ``NAMES``."""
    if name == "README.md":
        return _index()
    blocks = {
        "commands.md": _commands,
        "events.md": _events,
        "metrics.md": _metrics,
        "python.md": _python,
        "settings.md": _settings,
    }
    title = name.removesuffix(".md").capitalize()
    return "\n\n".join([f"# {title}", _MADE, *blocks[name]()]) + "\n"


def _index() -> str:
    links = {
        "commands.md": "every command with its options, and the exit codes",
        "settings.md": "every setting with its type, range and default",
        "metrics.md": "every metric that is built in, with its unit and which way is better",
        "events.md": "every kind of event, and what it carries",
        "python.md": "what other programs import",
    }
    lines = [f"- [{name.removesuffix('.md')}]({name}): {what}" for name, what in links.items()]
    return "\n\n".join(["# Reference", _MADE, "\n".join(lines)]) + "\n"


def _commands() -> Iterator[str]:
    codes = {name: value for name, value in vars(exit_codes).items() if name.isupper()}
    yield "Exit codes: " + ", ".join(f"{value} {name.lower()}" for name, value in codes.items()) + "."
    for command, words in every_command(cli):
        path = " ".join(("dagster-ledger", *words))
        settings = {**cli.context_settings, "max_content_width": _WIDTH, "terminal_width": _WIDTH}
        context = click.Context(command, info_name=path, **settings)
        yield f"## `{path}`\n\n```\n{command.get_help(context)}\n```"


def _settings() -> Iterator[str]:
    yield "How they are given, and which one wins: [configuration.md](../configuration.md)."
    yield _table(Settings)
    for name, model in models(Settings):
        yield f"## `{name}`\n\n{_paragraph(model)}\n\n{_table(model)}"


def models(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the models inside the fields of a model, with the path of the field."""
    for name, field in model.model_fields.items():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield f"{above}{name}", part
                yield from models(part, f"{above}{name}.")


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _table(model: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_kind(field)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join(["| setting | type | default | |", "|---|---|---|---|", *rows])


def _kind(field: FieldInfo) -> str:
    """Return type and range of a field."""
    words = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name):,}"
        for rule in field.metadata
        for name, sign in words.items()
        if getattr(rule, name, None) is not None
    ]
    return _cell(", ".join([_type(field.annotation), *limits]))


def _type(annotation: object) -> str:
    """Return a type as people write it."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return " or ".join(_type(part) for part in inside)
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inside)
    plain = origin or annotation
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return "mapping"
    return _TYPES[plain]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if field.is_required():
        return "–"  # noqa: RUF001 - what is absent
    if isinstance(value, BaseModel):
        return "below"
    return _cell(f"`{value!r}`" if not isinstance(value, bool) else f"`{str(value).lower()}`")


def _metrics() -> Iterator[str]:
    yield "How to declare others: [tutorial.md](../tutorial.md#5-declare-a-metric)."
    rows = [
        f"| `{metric.name}` | {metric.unit} | {metric.direction.replace('_', ' ')} | {metric.kind} |"
        f" {_cell(metric.description)} |"
        for metric in BUILT_IN.values()
    ]
    yield "\n".join(["| metric | unit | direction | kind | |", "|---|---|---|---|---|", *rows])


def _events() -> Iterator[str]:
    yield "How they are stored: [ledger-format.md](../ledger-format.md)."
    for kind, event in KINDS.items():
        told = inspect.getdoc(event) or ""
        version = getattr(event, "VERSION", 1)
        yield f"## `{kind}`, version {version}\n\n{_markdown(told)}"


def _python() -> Iterator[str]:
    yield "Names that modules offer to others; everything else may change at any time."
    for name, what in _PYTHON.items():
        module = importlib.import_module(name)
        offered = getattr(module, "__all__", None) or [
            word
            for word, value in vars(module).items()
            if not word.startswith("_") and getattr(value, "__module__", "") == name and callable(value)
        ]
        blocks = [f"## `{name}`\n\n{what}"]
        for word in sorted(offered):
            value = getattr(module, word)
            if inspect.isclass(value) or inspect.isfunction(value):
                blocks.append(f"### `{word}{_signature(value)}`\n\n{_markdown(inspect.getdoc(value) or '')}")
        yield "\n\n".join(blocks)


def _signature(value: object) -> str:
    """Return the parameters of a callable by name, without their types."""
    try:
        parameters = inspect.signature(value).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    signs = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return f"({', '.join(signs.get(one.kind, '') + one.name for one in parameters)})"


def _markdown(doc: str) -> str:
    """Return a docstring as Markdown: its sections as lists, its code as code."""
    text = re.sub(r"``([^`]+)``", r"`\1`", doc.strip())
    lines = []
    section = False
    for line in text.splitlines():
        if re.fullmatch(r"(Attributes|Args|Returns|Raises|Yields|Example|Examples):", line):
            section = line not in {"Example:", "Examples:"}
            lines += [f"*{line.removesuffix(':')}*", ""]
        elif section and re.match(r"    \S", line):
            name, colon, said = line.strip().partition(": ")
            lines.append(f"- `{name}`: {said}" if colon and " " not in name else f"- {line.strip()}")
        elif section and line.startswith("     "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line.replace("<", "&lt;") if "`" not in line else line)
    return "\n".join(lines)


def _paragraph(model: type) -> str:
    return (inspect.getdoc(model) or "").partition("\n\n")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PLACE.mkdir(parents=True, exist_ok=True)
    found = {file: page(file) for file in NAMES}
    if "--check" in sys.argv:
        stale = [file for file, text in found.items() if (PLACE / file).read_text(encoding="utf-8") != text]
        sys.exit(f"{', '.join(stale)}: write anew with python -m tests.docs.reference" if stale else 0)
    for file, text in found.items():
        (PLACE / file).write_text(text, encoding="utf-8")
