"""Reviews what a pull request changes about baselines: which changes there are, and which are refused.

Rules:
- Both sides are read from commits: what lies in the work tree, and what git replaces or grafts there, does not count.
- Limits, budgets and the longest time of a waiver are those of the merge base, so a pull request is not judged by what
  it changes itself.
- A file that cannot be read is an error, not a refusal: nothing is compared until it can be.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ledger import git
from ledger.baselines.changing import EntryChange, GivenUp, changes
from ledger.baselines.review import Allowed, Refused, of_changes, waived
from ledger.baselines.waiver import DIRECTORY as WAIVERS
from ledger.baselines.waiver import SUFFIX
from ledger.errors import ConfigurationError
from ledger.service.baselines.accepted import DIRECTORY, AcceptedBaselines, from_ref
from ledger.service.baselines.config_changes import CONFIG, changed_attributes, loosened_settings, settings_of
from ledger.service.baselines.git_files import ATTRIBUTES
from ledger.service.baselines.pull_request import PullRequest
from ledger.service.baselines.waivers import Signatures, waivers_at
from ledger.service.gate.policy import allowance_of
from ledger.settings import Placed, Settings

_PARTS: Final = {".json": 2, SUFFIX: 3}
"""How many parts the path of a file below the directory of baselines has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a pull request changes about baselines.

    Attributes:
        request: Its commits.
        settings: The settings of its merge base.
        before: The baselines of the merge base.
        after: Those of the head.
        changes: The metrics whose baselines differ.
        given_up: What needs a waiver, settings and attributes included.
        refused: Why it is refused; empty where it is not.
        allowed: What waivers allowed.
        changes_only_baselines: Whether the code of the head is that of the merge base.
    """

    request: PullRequest
    settings: Settings
    before: AcceptedBaselines
    after: AcceptedBaselines
    changes: tuple[EntryChange, ...]
    given_up: tuple[GivenUp, ...]
    refused: tuple[Refused, ...]
    allowed: tuple[Allowed, ...]
    changes_only_baselines: bool


def review(
    project: Path,
    request: PullRequest,
    *,
    at: datetime,
    env: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Placed] | None = None,
) -> Review:
    """Return what a pull request changes about baselines, and what of it is refused.

    Args:
        project: Directory of the project.
        request: Its commits.
        at: The moment that is judged.
        env: Environment whose settings count.
        environ: Environment variables that are laid over the settings of the merge base.
        flags: Values that the command line lays over them.

    Raises:
        ConfigurationError: A file of either commit holds something wrong.
        IntegrityError: A baseline was edited by hand.
    """
    settings = settings_of(project, request.base, env, environ=environ, flags=flags)
    regression = settings.regression
    refused = _of_tree(project, request)
    before = from_ref(project, request.base, request.base_shown)
    after = from_ref(project, request.head, request.head_shown).beside(before)
    found = changes(before.all(), after.all(), allowance_of(regression))
    given_up = [one.given_up for one in found if one.given_up is not None]
    changed = _changed(project, request)
    if any(path.endswith(".yaml") for path in changed):
        given_up += loosened_settings(project, request)
    if any(path.rpartition("/")[2] == ATTRIBUTES for path in changed):
        given_up += changed_attributes(project, request, [f"{DIRECTORY}/{path}" for path in after.content])
    refused += of_changes(found)
    waivers = waivers_at(project, request)
    signatures = Signatures(project, request.ref, at)
    longest = timedelta(days=regression.max_waiver_days)
    unwaived, allowed = waived(given_up, waivers, signatures, at=at, longest=longest)
    return Review(
        request=request,
        settings=settings,
        before=before,
        after=after,
        changes=found,
        given_up=tuple(given_up),
        refused=(*refused, *unwaived),
        allowed=tuple(allowed),
        changes_only_baselines=_only_baselines(project, changed),
    )


def _of_tree(project: Path, request: PullRequest) -> list[Refused]:
    """Return what lies below the directory of baselines, or of the configuration, that is not read as it stands."""
    here = git.tree(project, request.head, recursive=False)
    below = git.tree(project, request.head, f"{DIRECTORY}/")
    if here is None or below is None:
        message = f"git cannot read {request.head_shown} in {project}; fetch the commit"
        raise ConfigurationError(message)
    refused = [
        Refused("case", name, f"{name} and {DIRECTORY} differ in capitals only; rename it to {DIRECTORY}")
        for name in here
        if name != DIRECTORY and name.casefold() == DIRECTORY
    ]
    config = git.tree(project, request.head, f"{CONFIG}/") or {}
    linked = {path: mode for path, (mode, _) in {**below, **config, **_own(here)}.items()}
    refused += [
        Refused("link", path, f"{path} is a link or a repository of its own; make it a file of its own")
        for path, mode in linked.items()
        if not mode.startswith(("100", "040"))
    ]
    paths = [path.removeprefix(f"{DIRECTORY}/") for path in below]
    refused += [_misplaced(path) for path in paths if not _is_placed(path)]
    same = Counter(path.casefold() for path in paths)
    twice = sorted(path for path in paths if same[path.casefold()] > 1)
    refused += [
        Refused("case", f"{DIRECTORY}/{path}", f"another name differs from {path} in capitals only; keep one of them")
        for path in twice
    ]
    return refused


def _own(here: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: here[name] for name in (DIRECTORY, CONFIG) if name in here}


def _is_placed(path: str) -> bool:
    """Return whether a file is read where it lies, or is none of a kind that would be."""
    for suffix, parts in _PARTS.items():
        if path.casefold().endswith(suffix):
            is_waiver = path.startswith(f"{WAIVERS}/") if suffix == SUFFIX else not path.startswith(f"{WAIVERS}/")
            return path.endswith(suffix) and path.count("/") + 1 == parts and is_waiver
    return True


def _misplaced(path: str) -> Refused:
    said = (
        f"{path} is read by nobody there; baselines are <profile>/<asset>.json, waivers {WAIVERS}/<profile>/*{SUFFIX}"
    )
    return Refused("place", f"{DIRECTORY}/{path}", said)


def _changed(project: Path, request: PullRequest) -> tuple[str, ...]:
    """Return the paths that the head has otherwise than the merge base, from the top of the repository."""
    found = git.changed_between(project, request.base, request.head)
    if found is None:
        message = f"git cannot compare {request.base_shown} with {request.head_shown} in {project}; fetch both"
        raise ConfigurationError(message)
    return found


def _only_baselines(project: Path, changed: Iterable[str]) -> bool:
    """Return whether nothing but baseline files and waivers differs."""
    top = git.root_of(project)
    below = "." if top is None else project.resolve().relative_to(top.resolve()).as_posix()
    prefix = f"{DIRECTORY}/" if below == "." else f"{below}/{DIRECTORY}/"
    return top is not None and all(path.startswith(prefix) for path in changed)
