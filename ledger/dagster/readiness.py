"""The asset check ``ready``: a verified readiness manifest before anything of a deployment is made.

Rules:
- It is for the asset that a deployment begins with: blocking, it keeps what comes after from being made.
- It says what ``dagster-ledger manifest verify`` says, with the reason code, and is recorded as a check like any other,
  so that a refusal is a closed gate.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dagster as dg

from ledger.dagster.resource import resource_uri
from ledger.dagster.run_settings import settings_of
from ledger.dagster.session import open_session
from ledger.dagster.step import current_step
from ledger.errors import ConfigurationError, LedgerError
from ledger.events import CheckEvaluated, StreamId
from ledger.service.project.locate import project_directory
from ledger.service.readiness.manifest_check import Asked, verify
from ledger.service.readiness.runs import READY_CHECK
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.protocol import SealingStore
from ledger.trust.refusal import RefusedError

NAME: Final = READY_CHECK
_DESCRIPTION: Final = "A signed readiness manifest holds for this commit."
_TOPIC: Final = "ready"


def ready(
    asset: str,
    *,
    manifest: str = "readiness-manifest.json",
    environment: str = "prod",
    protected_ref: str | None = None,
    replay: bool = True,
    blocking: bool = True,
) -> dg.AssetChecksDefinition:
    """Return the check, to be put into ``Definitions(asset_checks=...)``.

    Args:
        asset: Asset key joined by ``/`` of a tracked asset.
        manifest: File of the manifest, from the directory of the project.
        environment: Where the deployment is to.
        protected_ref: Where the trust root is read; see ``ledger.service.trust.root``.
        replay: Whether the checklist is judged again, on the ledger as it was.
        blocking: Whether a refusal stops what comes after the asset.
    """

    @dg.asset_check(  # type: ignore[untyped-decorator, unused-ignore]
        asset=dg.AssetKey.from_user_string(asset), name=NAME, blocking=blocking, description=_DESCRIPTION
    )
    def ready_check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        step = current_step(context)
        if step is None:
            message = f"the check {NAME} of {asset} belongs to a run, and there is none here"
            raise ConfigurationError(message)
        session = open_session(resource_uri(step.context), resolved=settings_of(step.context.run.tags))
        project = project_directory()
        asked = Asked(
            path=project / Path(manifest),
            project=project,
            environment=environment,
            protected_ref=protected_ref,
            replay=replay,
            at=datetime.now(UTC),
        )
        reason, said = _answer(asked, session.store)
        event = CheckEvaluated(
            asset=asset,
            partition=step.partition,
            run_id=step.run_id,
            check=NAME,
            status="passed" if reason is None else "failed",
            severity="error",
            blocking=blocking,
            description=said,
            details={"environment": environment, "reason": reason},
        )
        stream = StreamId(_TOPIC, f"{step.run_id}:{asset}:{step.partition or ''}")
        if session.store.head(str(stream)) is None:
            StreamRecorder(session.store, stream).record(event)
        return dg.AssetCheckResult(
            passed=reason is None,
            description=said,
            metadata={"ledger/environment": environment, "ledger/reason": reason or "none"},
        )

    return ready_check


def _answer(asked: Asked, store: object) -> tuple[str | None, str]:
    """Return the reason code of a refusal, ``None`` where the manifest holds, and the sentence."""
    if not isinstance(store, SealingStore):
        return "ledger", "the ledger cannot be verified; only ledgers of Parquet files can"
    try:
        found = verify(asked, store)
    except RefusedError as refusal:
        return refusal.reason, str(refusal)
    except LedgerError as error:
        return "not_verified", str(error)
    people = ", ".join(one.principal for one in found.signers)
    return None, f"commit {found.manifest.commit[:12]} may be deployed to {asked.environment}; signed by {people}"
