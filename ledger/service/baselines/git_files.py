"""Prepares a repository for baselines: attributes of their files, how git shows changes of them, whom to ask.

Rules:
- What is there stays: lines are added, never changed; a setting with another value and a file that exists are left.
- Doing it again changes nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger import git
from ledger.errors import ConfigurationError, StoreError
from ledger.service.baselines.accepted import DIRECTORY

ATTRIBUTES: Final = ".gitattributes"
DRIVER: Final = "dagster-baseline"
LINES: Final = (
    f"{DIRECTORY}/**/*.json text eol=lf",
    f"{DIRECTORY}/**/*.json diff={DRIVER}",
    f"{DIRECTORY}/**/*.waiver text eol=lf",
)
"""Attributes of baselines: the same bytes on every platform, and changes shown metric by metric."""

OWNERS: Final = f"{DIRECTORY}/CODEOWNERS.example"
_COMMENT: Final = "# Baselines: the same bytes whatever the platform ends lines with; changes shown metric by metric."
# Where the program is not at hand, the file is shown as it is: git shows nothing at all where its driver fails.
_SETTINGS: Final = (
    (f"diff.{DRIVER}.textconv", 'f() { dagster-ledger baseline textconv "$1" 2> /dev/null || cat "$1"; }; f'),
    (f"diff.{DRIVER}.cachetextconv", "false"),
)
_OWNERS_TEXT: Final = f"""\
# Lines for the CODEOWNERS file of the repository, so that who answers for what is accepted reviews its changes.
# Put your own people or teams in. The last line that matches a file counts, so they belong at the end.
/{DIRECTORY}/      @your-org/performance
/config/           @your-org/performance
/config/trust/     @your-org/security
/.gitattributes    @your-org/performance
/CODEOWNERS        @your-org/security
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What was looked after, and whether it changed: ``added``, ``there`` or ``left`` where somebody else's stands."""

    what: str
    state: str


def prepare(project: Path) -> tuple[Step, ...]:
    """Prepare the repository of a project, and return what was done.

    Raises:
        ConfigurationError: The project is in no repository.
        StoreError: A file cannot be read or written.
    """
    if git.root_of(project) is None:
        message = f"{project} is in no git repository; make one with `git init`"
        raise ConfigurationError(message)
    try:
        return (*_attributes(project / ATTRIBUTES), *_settings(project), _owners(project))
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot prepare {project} for baselines ({error}); correct the file or its permissions"
        raise StoreError(message) from error


def _attributes(path: Path) -> list[Step]:
    text = path.read_bytes().decode("utf-8") if path.exists() else ""
    known = {" ".join(line.split()) for line in text.splitlines()}
    missing = [line for line in LINES if line not in known]
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        added = "\n".join([_COMMENT, *missing])
        path.write_bytes(f"{text}{gap}{added}\n".encode())
    return [Step(f"{ATTRIBUTES}: {line}", "added" if line in missing else "there") for line in LINES]


def _settings(project: Path) -> list[Step]:
    found = []
    for name, value in _SETTINGS:
        old = git.own_setting(project, name)
        if old is None and not git.set_own_setting(project, name, value):
            message = f"git could not write {name}; correct the permissions of its configuration"
            raise StoreError(message)
        state = "added" if old is None else "there" if old == value else "left"
        found.append(Step(f"git config {name} {value if old is None else old}", state))
    return found


def _owners(project: Path) -> Step:
    path = project / OWNERS
    if path.exists():
        return Step(OWNERS, "there")
    path.parent.mkdir(exist_ok=True)
    path.write_text(_OWNERS_TEXT, encoding="utf-8", newline="\n")
    return Step(OWNERS, "added")
