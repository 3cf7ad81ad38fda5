"""Finds the project, its configuration and its ledger.

Rules:
- The project is the nearest directory, from the working directory upwards, that holds ``config/base.yaml``; without
  one it is the working directory.
- ``DAGSTER_LEDGER_CONFIG`` names another file than ``config/base.yaml``.
- ``DAGSTER_LEDGER_ENV`` names an environment: the file of that name beside the base file is laid over it.
- A relative place written in a file, or a default, is meant from the project; one typed by a person (flag, variable)
  from the working directory.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ledger.errors import ConfigurationError
from ledger.events.codec import canonical_json
from ledger.names import no_such
from ledger.settings import Placed, Resolved, parse_yaml, resolve

_CONFIG: Final = Path("config") / "base.yaml"
_CONFIG_VARIABLE: Final = "DAGSTER_LEDGER_CONFIG"
_NOT_COMPARED: Final = frozenset(
    {
        "ledger_uri",
        "ledger_seal_appends",
        "ledger_compact_appends",
        "ledger_grace_s",
        "input_dir",
        "output_dir",
        "dask_scheduler",
        "notify_webhook_urls",
        "notify_commands",
        "report_url",
        "regression",
        "monitoring",
        "readiness_off",
    }
)
ENV_VARIABLE: Final = "DAGSTER_LEDGER_ENV"


def project_directory(start: Path | None = None) -> Path:
    """Return the project that ``start`` (by default the working directory) lies in."""
    here = (start or Path.cwd()).absolute()
    for directory in (here, *here.parents):
        if (directory / _CONFIG).is_file():
            return directory
    return here


def load_settings(
    flags: Mapping[str, Placed] | None = None,
    *,
    env: str | None = None,
    environ: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> Resolved:
    """Return the settings that hold here, with places made absolute.

    Args:
        flags: Values given on the command line.
        env: Environment whose file is laid over the base file; ``DAGSTER_LEDGER_ENV`` when ``None``.
        environ: Environment variables, by default those of the process.
        start: Where to look for the project from.

    Raises:
        ConfigurationError: A layer holds something wrong.
    """
    variables = os.environ if environ is None else environ
    project = project_directory(start)
    named = variables.get(_CONFIG_VARIABLE)
    path = Path(named) if named else project / _CONFIG
    files = [path] if named or path.is_file() else []
    chosen = env or variables.get(ENV_VARIABLE)
    if chosen:
        files.append(_overlay(path, chosen, project))
    resolved = resolve([parse_yaml(_read(file), _display(file, project)) for file in files], variables, flags)
    absolute = {
        name: _absolute(getattr(resolved.settings, name), resolved.sources[name], project, start or Path.cwd())
        for name in ("ledger_uri", "input_dir", "output_dir")
        if getattr(resolved.settings, name)
    }
    return Resolved(resolved.settings.model_copy(update=absolute), resolved.sources)


def ledger_uri(flag: str | None = None) -> str:
    """Return where the ledger is: flag, then ``DAGSTER_LEDGER_URI``, then configuration, then ``.ledger``."""
    flags = {"ledger_uri": Placed(flag, "--ledger")} if flag is not None else {}
    return load_settings(flags).settings.ledger_uri


def settings_digest(resolved: Resolved, run_config: Mapping[str, object] | None = None) -> str:
    """Return SHA-256 (hex) over what makes two runs comparable: settings without places, and the run configuration."""
    values = {name: value for name, value in resolved.shown().items() if name not in _NOT_COMPARED}
    text = canonical_json({"settings": values, "run_config": dict(run_config or {})})
    return hashlib.sha256(text.encode()).hexdigest()


def _overlay(base: Path, env: str, project: Path) -> Path:
    """Return the file of an environment, which lies beside the base file.

    Raises:
        ConfigurationError: There is none of that name.
    """
    names = sorted(file.stem for file in base.parent.glob("*.yaml") if file.name != base.name)
    if env not in names:
        where = f"beside {_display(base, project)}"
        raise ConfigurationError(no_such("environment", env, names, where))
    return base.parent / f"{env}.yaml"


def _read(path: Path) -> str:
    """Return the text of a configuration file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{path}: the configuration cannot be read ({error.strerror}); name another with {_CONFIG_VARIABLE}"
        raise ConfigurationError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: the configuration is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise ConfigurationError(message) from error


def _display(path: Path, project: Path) -> str:
    """Return the path as it is named in messages: from the project where it lies inside."""
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _absolute(place: str, source: str, project: Path, here: Path) -> str:
    """Return a place as an absolute path; a URI is left as it is."""
    if "://" in place:
        return place
    base = here if source.startswith(("$", "--")) else project
    return str((base / Path(place).expanduser()).absolute())
