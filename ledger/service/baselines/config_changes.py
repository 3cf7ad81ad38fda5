"""What a pull request changes around the baselines that lets more pass: settings of the gate, attributes of the files.

Rules:
- Settings are compared as they hold: the base file, and each environment's file over it.
- ``.gitattributes`` can hide a file's changes from people, or change its bytes on checkout. Lines that may match a
  baseline count, added, changed or removed; those that ``dagster-ledger init --git`` writes do not when added.
- Neither can change what is compared here: files are read from commits, settings from the merge base.
"""

import hashlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ledger import git
from ledger.baselines.changing import GivenUp
from ledger.baselines.loosening import Loosening
from ledger.errors import ConfigurationError
from ledger.service.baselines.accepted import DIRECTORY
from ledger.service.baselines.git_files import ATTRIBUTES, LINES
from ledger.service.baselines.pull_request import PullRequest
from ledger.settings import Placed, Settings, parse_yaml, resolve
from ledger.settings.loosening import loosened

CONFIG: Final = "config"
"""Where a project keeps its settings, from its directory."""

_BASE: Final = "base.yaml"
_EXAMPLES: Final = (f"{DIRECTORY}/profile/asset.json", f"{DIRECTORY}/waivers/profile/asset.waiver")


def settings_of(
    project: Path,
    commit: str,
    env: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Placed] | None = None,
) -> Settings:
    """Return the settings that a commit's files set; those of the environment's file over those of the base file.

    Args:
        project: Directory of the project.
        commit: The commit, hex.
        env: Environment; one that the commit has no file of changes nothing.
        environ: Environment variables that are laid over the files; none when ``None``.
        flags: Values given on the command line.

    Raises:
        ConfigurationError: A file of the commit holds something wrong.
    """
    return _resolved(_files(project, commit), commit, env, environ, flags)


def loosened_settings(project: Path, request: PullRequest) -> list[GivenUp]:
    """Return what a pull request loosens among the settings of the gate.

    Raises:
        ConfigurationError: A file holds something wrong.
    """
    before, after = _files(project, request.base), _files(project, request.head)
    found: dict[tuple[str, str, str], GivenUp] = {}
    names = [_BASE, *sorted({*before, *after} - {_BASE})]
    for name in names:
        env = None if name == _BASE else name.removesuffix(".yaml")
        old = _resolved(before, request.base, env)
        new = _resolved(after, request.head, env)
        for setting, was, becomes in loosened(old, new):
            what = f"{setting} goes from {was} to {becomes}"
            found.setdefault(
                (setting, was, becomes),
                GivenUp(
                    subject=("", f"{CONFIG}/{name}", None, setting),
                    was=_digest(was),
                    becomes=_digest(becomes),
                    loosenings=(Loosening(setting, what, "setting"),),
                ),
            )
    return list(found.values())


def changed_attributes(project: Path, request: PullRequest, paths: Iterable[str]) -> list[GivenUp]:
    """Return what a pull request changes among the attributes of baselines.

    Args:
        project: Directory of the project.
        request: Its commits.
        paths: Baseline files, from the project.
    """
    top = git.root_of(project) or project
    below = project.resolve().relative_to(top.resolve()).as_posix() if project.resolve() != top.resolve() else ""
    prefix = f"{below}/" if below not in {"", "."} else ""
    known = [f"{prefix}{path}" for path in (*paths, *_EXAMPLES)]
    found = []
    for place in _attribute_files(top, request, prefix):
        old, new = (_relevant(git.file_at(top, commit, place), place, known) for commit in (request.base, request.head))
        allowed = {*old, *(LINES if place == f"{prefix}{ATTRIBUTES}" else ())}
        strange = [line for line in new if line not in allowed] + [f"no {line}" for line in old if line not in new]
        if strange:
            what = f"attributes of baselines change: {'; '.join(strange)}"
            found.append(
                GivenUp(
                    subject=("", place, None, "attributes"),
                    was=_digest("\n".join(old)),
                    becomes=_digest("\n".join(new)),
                    loosenings=(Loosening("attributes", what, "attributes"),),
                )
            )
    return found


def _attribute_files(top: Path, request: PullRequest, prefix: str) -> list[str]:
    """Return the files of attributes that may be about baselines: from the top down to them, and below."""
    parts = [part for part in f"{prefix}{DIRECTORY}".split("/") if part]
    above = ["/".join([*parts[:count], ATTRIBUTES]) for count in range(len(parts))]
    below = {
        path
        for commit in (request.base, request.head)
        for path in git.tree(top, commit, f"{prefix}{DIRECTORY}/") or {}
        if path.rpartition("/")[2] == ATTRIBUTES
    }
    return [*above, *sorted(below)]


def _relevant(data: bytes | None, place: str, known: Iterable[str]) -> list[str]:
    """Return the lines of a file of attributes that may match a baseline; more rather than fewer."""
    inside = place.removesuffix(ATTRIBUTES)
    names = [path.removeprefix(inside) for path in known if path.startswith(inside)]
    lines = (data or b"").decode("utf-8", "backslashreplace").splitlines()
    found = []
    for line in (" ".join(one.split()) for one in lines):
        pattern = line.partition(" ")[0].strip('"')
        if line and not line.startswith("#") and (line.startswith("[") or _may_match(pattern, names)):
            found.append(line)
    return found


def _may_match(pattern: str, names: Iterable[str]) -> bool:
    plain = pattern.lstrip("/").replace("**/", "*").casefold()
    return any(
        fnmatchcase(name.casefold(), plain) or fnmatchcase(name.rpartition("/")[2].casefold(), plain) for name in names
    )


def _files(project: Path, commit: str) -> dict[str, bytes]:
    found = git.files_at(project, commit, CONFIG)
    if found is None:
        message = f"git cannot read {CONFIG} of {commit[:12]} in {project}; fetch the commit"
        raise ConfigurationError(message)
    return {name: data for name, data in found.items() if name.endswith(".yaml") and "/" not in name}


def _resolved(
    files: Mapping[str, bytes],
    commit: str,
    env: str | None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Placed] | None = None,
) -> Settings:
    names = [name for name in (_BASE, f"{env}.yaml") if name in files]
    layers = [parse_yaml(_text(files[name], f"{commit[:12]}:{CONFIG}/{name}"), f"{commit[:12]}:{CONFIG}/{name}")
              for name in names]  # fmt: skip
    return resolve(layers, environ or {}, flags).settings


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{where}: the configuration is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise ConfigurationError(message) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
