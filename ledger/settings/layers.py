"""Resolves settings from layers, remembering where each value came from.

Rules:
- Precedence: command line > environment > file > default. The last file given wins over the ones before it.
- Mappings are merged key by key, so that a file for one environment says only what differs; a setting is named by its
  path, joined by dots.
- Nothing is ignored: an unknown key or a misspelt ``DAGSTER_LEDGER_`` variable is an error, and all errors are told at
  once, each with its place and, where one is close, the name that was probably meant.
- Text from the environment or the command line is read as YAML: numbers, lists and ``true`` mean what they look like.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ledger.errors import ConfigurationError
from ledger.metrics import BUILT_IN
from ledger.names import did_you_mean, no_such
from ledger.settings.model import SECRET_SETTINGS, Settings

ENV_PREFIX: Final = "DAGSTER_LEDGER_"
SELECTORS: Final = frozenset({"DAGSTER_LEDGER_CONFIG", "DAGSTER_LEDGER_ENV", "DAGSTER_LEDGER_PROTECTED_REF"})
"""Variables that choose files or the ref that is trusted; they are no settings themselves."""

REDACTED: Final = "(secret)"
DEFAULT: Final = "default"
_MOST_VALUES: Final = 100_000
_ENV_ALIASES: Final = {"DAGSTER_LEDGER_URI": "ledger_uri"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A value and where it was written."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings with the source of every value; in mappings, of every entry."""

    settings: Settings
    sources: Mapping[str, str]

    def overrides(self) -> dict[str, str]:
        """Return what came from the environment or the command line, with its source."""
        return {name: source for name, source in self.sources.items() if source.startswith(("$", "--"))}

    def shown(self) -> dict[str, Any]:
        """Return the values as plain JSON, secrets left out: what may be printed and recorded."""
        values = self.settings.model_dump(mode="json", exclude_none=True)
        return {name: REDACTED if name in SECRET_SETTINGS and value else value for name, value in values.items()}

    def value_at(self, path: str) -> Any:  # noqa: ANN401 - whatever the setting is
        """Return the shown value of a dotted path."""
        found: Any = self.shown()
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found


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
        for path, entry in layer.items():
            _put(placed, path, entry)
    known = {path: entry for path, entry in placed.items() if _field(path) in Settings.model_fields}
    problems = [_unknown(path, entry.source) for path, entry in placed.items() if path not in known]
    problems += _unknown_metrics(known)
    try:
        settings = Settings.model_validate(_nested(known))
    except ValidationError as error:
        problems += [_invalid(detail, known) for detail in error.errors()]
    if problems:
        raise ConfigurationError("; ".join(dict.fromkeys(problems)))
    given = {_field(path) for path in known}
    sources = {name: DEFAULT for name in Settings.model_fields if name not in given}
    sources |= {path: entry.source for path, entry in known.items()}
    return Resolved(settings, {path: sources[path] for path in sorted(sources, key=_in_order)})


def parse_yaml(text: str, name: str) -> dict[str, Placed]:
    """Return the values of a YAML file, by dotted path, with file, line and column of each.

    Raises:
        ConfigurationError: The text is not YAML, not a mapping, or names a key twice.
    """
    return dict(_parsed(text, name))


@lru_cache(maxsize=32)
def _parsed(text: str, name: str) -> dict[str, Placed]:
    """Do it once for a text: a run asks for its settings some sixty times, and PyYAML takes 20 ms for a file.

    libyaml would take a tenth, but ends the process on a text that nests too deeply.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        message = f"{place}: not valid YAML ({error.problem}); correct the file"
        raise ConfigurationError(message) from error
    except yaml.reader.ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        message = f"{name}:{line}:{column}: not valid YAML ({error.reason}); correct the file"
        raise ConfigurationError(message) from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        message = f"{name}: the file must be a mapping of settings (`chunk_size: 25000`)"
        raise ConfigurationError(message)
    try:
        if _values(node, {}) > _MOST_VALUES:
            message = f"{name}: aliases make more than {_MOST_VALUES:,} values of it; write out what is meant"
            raise ConfigurationError(message)
        return dict(_leaves(node, name))
    except RecursionError as error:
        message = f"{name}: settings are nested without end; an anchor must not hold its own alias"
        raise ConfigurationError(message) from error


def from_environment(environ: Mapping[str, str]) -> dict[str, Placed]:
    """Return the settings named by ``DAGSTER_LEDGER_`` variables."""
    found = {}
    for variable, text in sorted(environ.items()):
        if variable.startswith(ENV_PREFIX) and variable not in SELECTORS:
            name = _ENV_ALIASES.get(variable, variable.removeprefix(ENV_PREFIX).lower())
            found[name] = Placed(scalar(name, text), f"${variable}")
    return found


def from_words(words: Sequence[str], source: str) -> dict[str, Placed]:
    """Return the settings of ``key=value`` words, the value read as YAML, the key a dotted path.

    Raises:
        ConfigurationError: A word has no ``=``, or would put a secret where everybody can read it.
    """
    found = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or not path:
            message = f"{source} {word}: give it as key=value, for instance {source} chunk_size=5000"
            raise ConfigurationError(message)
        if _field(path) in SECRET_SETTINGS:
            message = (
                f"{source} {path}: a command line is read by others; set {ENV_PREFIX}{_field(path).upper()} instead"
            )
            raise ConfigurationError(message)
        found[path] = Placed(scalar(path, text), source)
    return found


def scalar(path: str, text: str) -> Any:  # noqa: ANN401 - the setting's type decides
    """Return the value a text spells, text itself for settings that are text."""
    field = Settings.model_fields.get(path)
    if field is not None and field.annotation is str:
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # A day that does not exist is a ValueError.
        return text


def _leaves(node: yaml.MappingNode, name: str, above: str = "") -> Iterator[tuple[str, Placed]]:
    """Yield each value that is no mapping, with its path and the position of its key; a key twice is an error."""
    seen: dict[str, str] = {}
    for key, below in node.value:
        source = f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
        path = f"{above}{key.value}"
        if path in seen:
            message = f"{source}: {path!r} is already set at {seen[path]}; keep one of the two"
            raise ConfigurationError(message)
        seen[path] = source
        if isinstance(below, yaml.MappingNode) and below.value:
            yield from _leaves(below, name, f"{path}.")
        else:
            value = _value(below, source)
            yield path, Placed({} if value is None and _is_mapping(path) else value, source)


def _values(node: yaml.Node, counted: dict[int, int]) -> int:
    """Return how many values a part of a file stands for, those of its aliases each time they are used."""
    found = counted.get(id(node))
    if found is None:
        below = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for one in below for part in (one if isinstance(one, tuple) else (one,))]
        found = counted[id(node)] = 1 + sum(_values(part, counted) for part in parts)
    return found


def _value(node: yaml.Node, source: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return what a part of a file says."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:  # An unknown tag, or a day that does not exist.
        said = getattr(error, "problem", None) or error
        message = f"{source}: the value cannot be read ({said}); put it in quotes where it is meant as text"
        raise ConfigurationError(message) from error
    finally:
        loader.dispose()


def _is_mapping(path: str) -> bool:
    field = Settings.model_fields.get(path)
    return field is not None and field.default_factory is dict


def _put(placed: dict[str, Placed], path: str, entry: Placed) -> None:
    """Place a value; what it replaces goes, be it above or below it, and mappings are placed entry by entry."""
    if isinstance(entry.value, dict) and entry.value:
        for name, value in entry.value.items():
            _put(placed, f"{path}.{name}", Placed(value, entry.source))
        return
    for other in [other for other in placed if other.startswith(f"{path}.") or path.startswith(f"{other}.")]:
        del placed[other]
    placed[path] = entry


def _nested(placed: Mapping[str, Placed]) -> dict[str, Any]:
    """Return the values as the nested mapping that the model reads."""
    values: dict[str, Any] = {}
    for path, entry in placed.items():
        *above, last = path.split(".")
        here = values
        for part in above:
            here = here.setdefault(part, {})
        here[last] = entry.value
    return values


def _field(path: str) -> str:
    return path.partition(".")[0]


def _in_order(path: str) -> tuple[int, str]:
    """Return a sorting key: settings in the model's order, entries of a mapping by name."""
    return list(Settings.model_fields).index(_field(path)), path


def _unknown(path: str, source: str) -> str:
    """Return the sentence for a setting that does not exist."""
    return f"{source}: {no_such('setting', _field(path), Settings.model_fields)}"


def _unknown_metrics(placed: Mapping[str, Placed]) -> list[str]:
    """Return a sentence for each limit on a metric that nobody declares."""
    parts = [(path.split("."), entry) for path, entry in placed.items()]
    declared = {*BUILT_IN, *(words[1] for words, _ in parts if words[0] == "metrics" and len(words) > 1)}
    return [
        f"{entry.source}: {no_such('metric', words[2], declared)}"
        for words, entry in parts
        if words[0] == "limits" and len(words) > 2 and words[2] not in declared  # noqa: PLR2004 - limits, asset, metric
    ]


def _invalid(detail: Any, known: Mapping[str, Placed]) -> str:  # noqa: ANN401 - pydantic's error record
    """Return the sentence for a value that is out of range or of the wrong type."""
    path = ".".join(str(part) for part in detail["loc"])
    said = detail["msg"].removeprefix("Value error, ")
    if not path:  # Several settings together.
        return f"settings: {said}"
    missing = detail["type"] == "missing"
    place = path.rpartition(".")[0] if missing else path  # What is missing has no place; what it belongs to has.
    fitting = [
        other for other in known if place == other or place.startswith(f"{other}.") or other.startswith(f"{place}.")
    ]
    source = known[max(fitting, key=len)].source if fitting else "settings"
    if missing:
        return f"{source}: {path} is missing"
    value = REDACTED if _field(path) in SECRET_SETTINGS else repr(detail["input"])
    meant = _meant(detail)
    question = "" if meant is None else f"; did you mean {meant}?"
    return f"{source}: {path} is {value}, but {said[0].lower()}{said[1:]}{question}"


def _meant(detail: Any) -> str | None:  # noqa: ANN401 - pydantic's error record
    """Return the word that was probably meant where only some are allowed."""
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return None
    return did_you_mean(detail["input"], re.findall(r"'([^']*)'", detail["ctx"]["expected"]))
