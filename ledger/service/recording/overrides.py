"""How the overrides of a command line reach the steps of a run: as run tags, which Dagster stores and hands on."""

import json
from collections.abc import Mapping
from typing import Final

from ledger.errors import ConfigurationError
from ledger.settings import Placed

OVERRIDES_TAG: Final = "dagster_ledger/overrides"
"""JSON object of setting to value, or to ``{"value": ..., "source": ...}``."""

ENV_TAG: Final = "dagster_ledger/env"
"""Environment whose file is laid over the base file."""


def override_tags(flags: Mapping[str, Placed], env: str | None) -> dict[str, str]:
    """Return the run tags that carry the overrides of a command line."""
    tags = {ENV_TAG: env} if env else {}
    if flags:
        told = {path: {"value": entry.value, "source": entry.source} for path, entry in sorted(flags.items())}
        tags[OVERRIDES_TAG] = json.dumps(told)
    return tags


def flags_of(tags: Mapping[str, str]) -> dict[str, Placed]:
    """Return the overrides that the tags of a run spell.

    Raises:
        ConfigurationError: The tag is no JSON object.
    """
    try:
        told = json.loads(tags.get(OVERRIDES_TAG, "{}"))
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        message = f'run tag {OVERRIDES_TAG} must be a JSON object such as {{"chunk_size": 5000}}; correct the tag'
        raise ConfigurationError(message)
    return {path: _placed(entry) for path, entry in told.items()}


def _placed(entry: object) -> Placed:
    if isinstance(entry, dict) and entry.keys() == {"value", "source"}:
        return Placed(entry["value"], str(entry["source"]))
    return Placed(entry, f"--tag {OVERRIDES_TAG}")


def carried(tags: Mapping[str, str]) -> dict[str, str]:
    """Return those tags of a run that chose its settings, for a run that shall have the same."""
    return {name: tags[name] for name in (ENV_TAG, OVERRIDES_TAG) if name in tags}
