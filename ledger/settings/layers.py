"""Resolves settings from layers, remembering where each value came from.

Rules:
- Precedence: command line > environment > file > default. The last file given wins over the ones before it.
- Nothing is ignored: an unknown key or a misspelt ``DAGSTER_LEDGER_`` variable is an error, and all errors are told at
  once, each with its place and, where one is close, the name that was probably meant.
- Text from the environment or the command line is read as YAML: numbers, lists and ``true`` mean what they look like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.settings.model import Settings

ENV_PREFIX: Final = "DAGSTER_LEDGER_"
_ENV_ALIASES: Final = {"DAGSTER_LEDGER_URI": "ledger_uri"}
_NOT_SETTINGS: Final = frozenset({"DAGSTER_LEDGER_CONFIG"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A value and where it was written."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings with the source of every value."""

    settings: Settings
    sources: Mapping[str, str]

    def overrides(self) -> dict[str, str]:
        """Return the settings that came from the environment or the command line, with their source."""
        return {name: source for name, source in self.sources.items() if source.startswith(("$", "--"))}


def resolve(
    files: Sequence[Mapping[str, Placed]] = (),
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Placed] | None = None,
) -> Resolved:
    """Return the settings that hold.

    Args:
        files: Parsed files, weakest first.
        environ: Environment variables.
        flags: Values given on the command line.

    Raises:
        ConfigurationError: One sentence per problem, all problems at once.
    """
    placed: dict[str, Placed] = {}
    for layer in (*files, from_environment(environ or {}), flags or {}):
        placed |= layer
    problems = [_unknown(name, entry.source) for name, entry in placed.items() if name not in Settings.model_fields]
    known = {name: entry for name, entry in placed.items() if name in Settings.model_fields}
    try:
        settings = Settings.model_validate({name: entry.value for name, entry in known.items()})
    except ValidationError as error:
        problems += [_invalid(detail, known) for detail in error.errors()]
    if problems:
        raise ConfigurationError("; ".join(problems))
    sources = {name: known[name].source if name in known else "default" for name in Settings.model_fields}
    return Resolved(settings, sources)


def parse_yaml(text: str, name: str) -> dict[str, Placed]:
    """Return the top-level values of a YAML file with file, line and column of each.

    Raises:
        ConfigurationError: The text is not YAML, not a mapping, or names a key twice.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        message = f"{place}: not valid YAML ({error.problem}); correct the file"
        raise ConfigurationError(message) from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        message = f"{name}: the file must be a mapping of settings (`chunk_size: 25000`)"
        raise ConfigurationError(message)
    return _placed(node, values, name)


def from_environment(environ: Mapping[str, str]) -> dict[str, Placed]:
    """Return the settings named by ``DAGSTER_LEDGER_`` variables."""
    found = {}
    for variable, text in sorted(environ.items()):
        if variable.startswith(ENV_PREFIX) and variable not in _NOT_SETTINGS:
            name = _ENV_ALIASES.get(variable, variable.removeprefix(ENV_PREFIX).lower())
            found[name] = Placed(_scalar(name, text), f"${variable}")
    return found


def _scalar(name: str, text: str) -> Any:  # noqa: ANN401 - the setting's type decides
    """Return the value a text spells, text itself for settings that are text."""
    field = Settings.model_fields.get(name)
    if field is None or field.annotation is str:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _placed(node: yaml.MappingNode, values: Mapping[str, Any], name: str) -> dict[str, Placed]:
    """Return each value with the position of its key; a key written twice is an error."""
    placed: dict[str, Placed] = {}
    for key, _ in node.value:
        source = f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
        if key.value in placed:
            message = f"{source}: {key.value!r} is already set at {placed[key.value].source}; keep one of the two"
            raise ConfigurationError(message)
        value = values[key.value]
        placed[key.value] = Placed({} if value is None and key.value == "metrics" else value, source)
    return placed


def _unknown(name: str, source: str) -> str:
    """Return the sentence for a setting that does not exist."""
    return f"{source}: {no_such('setting', name, Settings.model_fields)}"


def _invalid(detail: Any, known: Mapping[str, Placed]) -> str:  # noqa: ANN401 - pydantic's error record
    """Return the sentence for a value that is out of range or of the wrong type."""
    path = [str(part) for part in detail["loc"]]
    entry = known.get(path[0]) if path else None
    source = entry.source if entry else "settings"
    return f"{source}: {'.'.join(path)} is {detail['input']!r}, but {detail['msg'][0].lower()}{detail['msg'][1:]}"
