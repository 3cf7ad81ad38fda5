"""What Dagster's own event log knows about runs and steps, for the reconciler: evidence, never a measurement."""

import dagster as dg

from ledger.errors import LedgerError


def run_ended(run_id: str) -> str | None:
    """Return the final status Dagster knows for a run, ``None`` while it runs or where Dagster does not know it.

    Raises:
        LedgerError: There is no Dagster instance to ask.
    """
    try:
        with dg.DagsterInstance.get() as instance:
            run = instance.get_run_by_id(run_id)
    except dg.DagsterError as error:
        raise LedgerError(str(error)) from error
    return run.status.value if run is not None and run.is_finished else None


def step_ended(run_id: str, step_key: str) -> str | None:
    """Return ``SUCCESS``, ``FAILURE`` or ``SKIPPED`` for a step that has ended, ``None`` for any other.

    The parent of a killed step's process writes its failure, so this tells a lost step while its run goes on.

    Raises:
        LedgerError: There is no Dagster instance to ask.
    """
    try:
        with dg.DagsterInstance.get() as instance:
            found = instance.get_run_step_stats(run_id, step_keys=[step_key])
    except dg.DagsterError as error:
        raise LedgerError(str(error)) from error
    ended = {"SUCCESS", "FAILURE", "SKIPPED"}
    statuses = [step.status.value for step in found if step.status is not None]
    return statuses[0] if statuses and statuses[0] in ended else None
