"""Is a commit ready for an environment? The checklist over ledger, commit and policy.

Rules:
- The answer follows from the view of the ledger, the commit, the policy and the moment alone, so that it can be had
  again later, by whoever doubts it.
- Which jobs are in scope and which items must hold is the policy's to say, at the protected ref.
- The ledger is sealed and verified as a whole before anything in it is believed.
"""

from datetime import datetime
from pathlib import Path

from ledger import git
from ledger.checklist import Facts
from ledger.checklist.facts import LedgerFact
from ledger.errors import ConfigurationError
from ledger.events.checkpoint import Checkpoint
from ledger.metrics import with_declared
from ledger.service import readiness_facts as facts_of
from ledger.store.protocol import LedgerView, SealingStore
from ledger.trust.policy import EnvironmentPolicy


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


def ledger_fact(
    store: SealingStore, previous: Checkpoint | None = None, anchor: Checkpoint | None = None
) -> LedgerFact:
    """Seal and verify a ledger, and return what came out.

    Args:
        store: The ledger.
        previous: Checkpoint of the last accepted manifest.
        anchor: Checkpoint of the manifest that the protected ref keeps as the one accepted last.

    Raises:
        StoreError: The ledger cannot be read or written.
    """
    store.seal()
    found = store.verify(expected=previous)
    return LedgerFact(
        origin=found.checkpoint.origin,
        size=found.checkpoint.size,
        root=found.checkpoint.root,
        problems=tuple(f"{problem.where}: {problem.what}" for problem in found.problems),
        unsealed=found.unsealed,
        previous=None if previous is None else (previous.size, previous.root),
        continues=anchor is None or not store.verify(expected=anchor, since=found.checkpoint.size).problems,
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
        ConfigurationError: A file of the commit holds something wrong.
        IntegrityError: A baseline of the commit was edited, or the ledger is damaged.
    """
    settings = facts_of.settings_at(project, commit, environment)
    registry = with_declared(settings.declared_metrics())
    runs = tuple(facts_of.run_facts(view, commit, job, settings) for job in policy.jobs)
    gates = tuple(facts_of.gate_fact(view, commit, job, settings.regression, registry, project) for job in policy.jobs)
    in_scope = {name for gate in gates for name in gate.run_ids} | {run.run_id for run in runs if run.run_id}
    return Facts(
        commit=commit,
        environment=environment,
        at=at,
        dirty=dirty,
        smoke_cases=facts_of.smoke_cases(project, commit),
        smoke=facts_of.smoke_facts(view, commit),
        runs=runs,
        baselines=facts_of.baseline_facts(project, commit),
        gates=gates,
        ledger=ledger,
        alerts=facts_of.alert_facts(view, in_scope),
        gate_overrides=facts_of.override_facts(view, at),
        trends=facts_of.trend_facts(view, policy.jobs, registry),
    )
