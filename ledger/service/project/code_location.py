"""The code location that a project's pyproject.toml names, by Dagster's own conventions.

Rules:
- ``[tool.dagster]`` says ``module_name``; where it says nothing, ``[tool.dg.project]`` of ``create-dagster``
  says ``code_location_target_module``, else ``root_module``, whose ``definitions`` are meant.
"""

import tomllib
from pathlib import Path
from typing import Any

from ledger.errors import ConfigurationError

_FILE = "pyproject.toml"


def default_module(project: Path) -> str | None:
    """Return the module with the definitions that a project names, ``None`` where it names none.

    Args:
        project: Directory of the project.
    """
    tools = _tools(project / _FILE)
    named = _table(tools, "dagster").get("module_name")
    if isinstance(named, str) and named:
        return named
    dg = _table(_table(tools, "dg"), "project")
    target, root = dg.get("code_location_target_module"), dg.get("root_module")
    if isinstance(target, str) and target:
        return target
    return f"{root}.definitions" if isinstance(root, str) and root else None


def needed_module(project: Path) -> str:
    """Return the module with the definitions that a project names.

    Raises:
        ConfigurationError: It names none.
    """
    found = default_module(project)
    if found is None:
        message = (
            "no code location is named: use -m MODULE, or set module_name under [tool.dagster] in"
            f" {project / _FILE} (of a project that `create-dagster` made, root_module under [tool.dg.project])"
        )
        raise ConfigurationError(message)
    return found


def _tools(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return _table(found, "tool")


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, dict) else {}
