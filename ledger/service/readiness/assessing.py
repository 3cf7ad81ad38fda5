"""Is a commit ready for an environment? The checklist over ledger, commit and policy.

Rules:
- The answer follows from the view of the ledger, the commit, the policy and the moment alone, so that it can be had
  again later, by whoever doubts it.
- Which jobs are in scope and which items must hold is the policy's to say, at the protected ref.
- The ledger is sealed and verified as a whole before anything in it is believed.
- What cannot be found out because a file of the commit is wrong, or the ledger damaged, is told of the items that need
  it: one broken file leaves the rest of the checklist to be seen.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from ledger import git
from ledger.checklist import ITEMS, Facts
from ledger.checklist.facts import AlertFact, LedgerFact
from ledger.errors import ConfigurationError, IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.metrics import with_declared
from ledger.names import no_such
from ledger.service.readiness import facts as facts_of
from ledger.service.readiness import runs as of_runs
from ledger.settings import resolve
from ledger.store.protocol import LedgerView, SealingStore
from ledger.trust.policy import EnvironmentPolicy

Found = TypeVar("Found")

_OF_RUNS: Final = (
    "quality_gates",
    "baselines",
    "no_blocking_alerts",
    "overrides_recorded",
    "no_warnings",
    "nothing_lost",
)
"""Items that need the runs."""

_OF_GATES: Final = ("no_regression", "anchors_compared")
"""Items that need what the regression gate says."""

_WITHOUT_LEDGER: Final = ("ledger_verifies", "clean_tree")
"""Items that can be judged although the ledger was altered."""

_ALTERED: Final = "the ledger is not what was appended"


def commit_at(project: Path, asked: str | None = None) -> tuple[str, bool | None]:
    """Return the commit that is judged, and whether the work tree differs from it.

    Args:
        project: Directory of the project.
        asked: A commit or ref; what is checked out when ``None``.

    Raises:
        ConfigurationError: There is no such commit.
    """
    state = git.code_state(project)
    commit = git.commit_of(project, asked or "HEAD")
    if commit is None:
        message = f"there is no commit {asked or 'checked out'} in {project}; readiness is judged of a commit"
        raise ConfigurationError(message)
    return commit, state.dirty if state is not None and state.commit == commit else None


def ledger_fact(store: SealingStore, *, seal: bool = True) -> LedgerFact:
    """Verify a ledger, and return what came out.

    Args:
        store: The ledger.
        seal: Whether what is not sealed yet is sealed first.

    Raises:
        StoreError: The ledger cannot be read or written.
    """
    if seal:
        store.seal()
    found = store.verify()
    return LedgerFact(
        origin=found.checkpoint.origin,
        size=found.checkpoint.size,
        root=found.checkpoint.root,
        problems=tuple(f"{problem.where}: {problem.what}" for problem in found.problems),
        unsealed=found.unsealed,
    )


def continued(
    store: SealingStore, fact: LedgerFact, previous: Checkpoint | None, anchor: Checkpoint | None
) -> LedgerFact:
    """Return the fact with whether the ledger contains what was accepted before.

    Args:
        store: The ledger.
        fact: What verifying it came to.
        previous: Checkpoint of the last accepted manifest that the ledger knows.
        anchor: Checkpoint of the manifest that the protected ref keeps as the one accepted last.
    """
    earlier = [one for one in (previous, anchor) if one is not None]
    return replace(
        fact,
        previous=None if previous is None else (previous.size, previous.root),
        continues=not any(store.verify(expected=one, since=fact.size).problems for one in earlier),
    )


def gathered(
    view: LedgerView,
    project: Path,
    commit: str,
    environment: str,
    policy: EnvironmentPolicy,
    *,
    at: datetime,
    ledger: LedgerFact | None = None,
    dirty: bool | None = None,
) -> Facts:
    """Return everything that is known of a commit.

    Args:
        view: The ledger.
        project: Directory of the project, in the repository that has the commit.
        commit: The commit (hex).
        environment: Where it is to be deployed.
        policy: What that demands.
        at: The moment that is judged.
        ledger: What verifying the ledger came to.
        dirty: Whether the work tree differs from the commit.

    Raises:
        ConfigurationError: The configuration switches an item off that there is not.
        StoreError: The ledger cannot be read.
    """
    if ledger is not None and ledger.problems:
        # Nothing in it is believed: what was altered may say anything, or break whoever reads it.
        why = dict.fromkeys((name for name in ITEMS if name not in _WITHOUT_LEDGER), _ALTERED)
        return Facts(commit=commit, environment=environment, at=at, dirty=dirty, ledger=ledger, lacking=why)
    lacking: dict[str, str] = {}
    configured = _found(lacking, tuple(ITEMS), lambda: (facts_of.settings_at(project, commit, environment),))
    settings = configured[0] if configured else resolve().settings
    for name in settings.readiness_off:
        if name not in ITEMS:
            raise ConfigurationError(no_such("item of the checklist", name, ITEMS, "that readiness_off could name"))
    registry = with_declared(settings.declared_metrics())
    jobs, files = policy.jobs, facts_of.smoke_files(project, commit)
    runs = _found(lacking, _OF_RUNS, lambda: tuple(of_runs.run_facts(view, commit, job, settings) for job in jobs))
    gates = _found(
        lacking,
        _OF_GATES,
        lambda: tuple(of_runs.gate_fact(view, commit, job, settings.regression, registry, project) for job in jobs),
    )
    return Facts(
        commit=commit,
        environment=environment,
        at=at,
        dirty=dirty,
        smoke_cases=facts_of.smoke_cases(files),
        smoke_files={path: hashlib.sha256(data).hexdigest() for path, data in files.items()},
        smoke=_found(lacking, ("smoke_tests",), lambda: facts_of.smoke_facts(view, commit)),
        runs=runs,
        baselines=_found(lacking, ("baselines",), lambda: facts_of.baseline_facts(project, commit)),
        gates=gates,
        ledger=ledger,
        alerts=_found(lacking, ("no_blocking_alerts",), lambda: _alerts(view, commit, jobs)),
        gate_overrides=_found(lacking, ("no_gate_overrides",), lambda: facts_of.override_facts(view, at)),
        trends=_found(lacking, ("trends_hold",), lambda: facts_of.trend_facts(view, jobs, registry)),
        off=tuple(sorted(set(settings.readiness_off))),
        lacking=lacking,
    )


def _alerts(view: LedgerView, commit: str, jobs: Sequence[str]) -> tuple[AlertFact, ...]:
    """Return the alerts of every run of the commit: running again answers for nothing."""
    return facts_of.alert_facts(view, {name for job in jobs for name in of_runs.runs_of(view, commit, job)})


def _found(lacking: dict[str, str], items: Sequence[str], gather: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
    """Return what was gathered; where that cannot be, nothing, and note why those items cannot be judged."""
    try:
        return gather()
    except (ConfigurationError, IntegrityError) as error:
        for item in items:
            lacking.setdefault(item, " ".join(str(error).split()))
        return ()
