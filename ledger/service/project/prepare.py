"""Prepares an existing Dagster project for the ledger, and takes away again what it put there.

Rules:
- Nothing that is there is changed or replaced; doing it again changes nothing.
- What was written and nobody changed since can be taken away by one call; the rest is named, the ledger included:
  what was measured is nobody's to remove in passing.
- Files of continuous integration lie where the repository begins, all others where the project does.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from ledger import git
from ledger.errors import ConfigurationError, StoreError
from ledger.service.baselines import git_files
from ledger.service.baselines.accepted import DIRECTORY
from ledger.service.project.pieces import Lines, Piece, Step, TextFile
from ledger.settings import parse_yaml, resolve

Ci = Literal["github", "gitlab", "none"]
CI_FILES: Final = {"github": ".github/workflows/dagster-ledger.yml", "gitlab": ".gitlab/dagster-ledger.yml"}
"""Where continuous integration reads the gate from, by its name."""

CONFIG: Final = "config/base.yaml"
IGNORE: Final = ".gitignore"
_IGNORED_COMMENT: Final = (
    "# dagster-ledger: the ledger, Dagster's home where DAGSTER_HOME is not set, and published output."
)
_IGNORED: Final = ("/.ledger/", "/.dagster_home/", "/output/")
_KEPT: Final = (
    (DIRECTORY, "accepted measurements"),
    ("config/trust", "whose signatures count"),
    (".ledger", "the ledger itself"),
    (".dagster_home", "Dagster's home, with its own log of the runs"),
)
_OTHERS_CONFIG: Final = (
    "it is not a configuration of dagster-ledger; put one elsewhere, and name it with DAGSTER_LEDGER_CONFIG"
)


def prepare(project: Path, *, ci: Ci = "none", rehearse: bool = False) -> tuple[Step, ...]:
    """Put into a project what is missing, and return what came of each thing.

    Args:
        project: Directory of the project.
        ci: Whose file of continuous integration is written.
        rehearse: Change nothing, only tell.

    Raises:
        StoreError: A file cannot be read or written.
    """
    return _all(project, [*_own(project), *_of_repository(project), *_of_ci(project, (ci,))], "add", rehearse=rehearse)


def prepare_git(project: Path, *, rehearse: bool = False) -> tuple[Step, ...]:
    """Put into a repository what baselines need, and return what came of each thing.

    Raises:
        ConfigurationError: The project is in no repository.
        StoreError: A file cannot be read or written.
    """
    if git.root_of(project) is None:
        message = f"{project} is in no git repository; make one with `git init`"
        raise ConfigurationError(message)
    return _all(project, git_files.pieces(project), "add", rehearse=rehearse)


def take_away(project: Path, *, rehearse: bool = False) -> tuple[Step, ...]:
    """Take out of a project what ``prepare`` put there and nobody changed, and return what came of each thing.

    Args:
        project: Directory of the project.
        rehearse: Change nothing, only tell.

    Raises:
        StoreError: A file cannot be read or removed.
    """
    pieces = [*_of_ci(project, ("github", "gitlab")), *_of_repository(project), *_own(project)]
    done = _all(project, pieces, "remove", rehearse=rehearse)
    return (*done, *_kept(project, {step.what for step in done if step.state == "removed"}))


def _own(project: Path) -> Iterator[Piece]:
    """Yield what lies in the project itself."""
    yield TextFile(project, CONFIG, _template("base.yaml"), _is_configuration, _OTHERS_CONFIG)
    yield TextFile(project, f"{DIRECTORY}/README.md", _template("baselines.md"))
    yield TextFile(project, "config/trust/README.md", _template("trust.md"))
    # A directory that the project has under the name may be its own, and is not hidden from git.
    lines = tuple(line for line in _IGNORED if line != "/output/" or not (project / "output").exists())
    yield Lines(project, IGNORE, _IGNORED_COMMENT, lines, lambda line: line.strip().strip("/"))


def _of_repository(project: Path) -> tuple[Piece, ...]:
    """Return what git needs; nothing outside of a repository."""
    return git_files.pieces(project) if git.root_of(project) is not None else ()


def _of_ci(project: Path, wanted: tuple[Ci, ...]) -> Iterator[Piece]:
    """Yield the files of continuous integration."""
    top = (git.root_of(project) or project).resolve()
    below = project.resolve().relative_to(top).as_posix()
    for name in wanted:
        if name != "none":
            ledger = ".ledger" if below == "." else f"{below}/.ledger"
            text = _template(f"{name}.yml")
            for word, value in (("@DIRECTORY@", below), ("@LEDGER@", ledger)):
                text = text.replace(word, _quoted(value, name))
            yield TextFile(top, CI_FILES[name], text)


def _quoted(text: str, ci: Ci) -> str:
    """Return a path as YAML that neither reader takes for more than a path."""
    if ci == "gitlab":
        text = text.replace("$", "$$")
    elif "${{" in text:
        message = f"the project's directory {text!r} would be an expression of GitHub Actions; rename it"
        raise ConfigurationError(message)
    return json.dumps(text, ensure_ascii=False)


def _all(project: Path, pieces: "list[Piece] | tuple[Piece, ...]", do: str, *, rehearse: bool) -> tuple[Step, ...]:
    """Do it with every piece, one after the other."""
    try:
        return tuple(step for piece in pieces for step in getattr(piece, do)(rehearse=rehearse))
    except (OSError, UnicodeDecodeError) as error:
        verb = "prepare" if do == "add" else "clean"
        message = f"cannot {verb} {project} ({error}); correct the file or its permissions, and do it again"
        raise StoreError(message) from error


def _kept(project: Path, removed: set[str]) -> Iterator[Step]:
    """Yield what people and runs made, which stays."""
    for name, what in _KEPT:
        place = project / name
        ours = {project / path for path in removed}
        if place.exists() and (not place.is_dir() or any(path not in ours for path in place.iterdir())):
            yield Step(name, "left", f"{what}; remove it yourself where it is not wanted")


def _is_configuration(text: str) -> bool:
    """Return whether a text holds settings of ours and nothing else."""
    try:
        resolve([parse_yaml(text, CONFIG)], {}, {})
    except ConfigurationError:
        return False
    return True


def _template(name: str) -> str:
    return (files("ledger.service.project") / "templates" / name).read_text(encoding="utf-8")
