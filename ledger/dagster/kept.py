"""What Dagster itself keeps of a run."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg


def kept_run_config(home: Path, run_id: str) -> Mapping[str, object] | None:
    """Return the run configuration that a run had, ``None`` where Dagster's instance does not know the run.

    The ledger keeps only a digest of it: a run configuration may hold secrets.

    Args:
        home: Dagster's home directory.
        run_id: Run id, whole.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.get_run_by_id(run_id)
    return None if run is None else run.run_config
