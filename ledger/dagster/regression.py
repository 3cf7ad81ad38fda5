"""The asset check ``no_regression``: the regression gate inside of a run.

Rules:
- It runs after its asset, in the same run, and judges what the run just recorded together with the runs of the same
  code before it; see ``ledger.service.gate.checking``.
- Only a verdict of PASS passes. A regression at error or above fails as ``regression.check_severity`` says, and blocks
  where the check is blocking and that is an error; what could not be judged fails as ``regression.check_inconclusive``
  says; everything else fails as a warning, which never blocks.
- The verdict, its alerts and the evaluated check are events of the ledger; a check that blocked is a closed gate, which
  later runs are held by as well.
"""

from typing import Final

import dagster as dg

from ledger.dagster.resource import resource_uri
from ledger.dagster.run_settings import settings_of
from ledger.dagster.session import open_session
from ledger.dagster.step import Step, current_step
from ledger.errors import ConfigurationError, StoreError
from ledger.events import CheckEvaluated
from ledger.report.gate import finding_fields, sentence
from ledger.service.gate.checking import check_run
from ledger.service.gate.regression import Answer
from ledger.service.gate.verdicts import record
from ledger.service.project.locate import project_directory
from ledger.settings import RegressionSettings
from ledger.verdict import name_of

NAME: Final = "no_regression"
_DESCRIPTION: Final = "Nothing this asset takes or gives is worse than its baseline."
_DAGSTER: Final = {"warning": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}
_TOLD: Final = 20


def no_regression(*assets: str, blocking: bool = False) -> list[dg.AssetChecksDefinition]:
    """Return a check per asset, to be put into ``Definitions(asset_checks=...)``.

    Args:
        assets: Asset keys joined by ``/``; the assets must be tracked.
        blocking: Whether a regression stops what comes after the asset, in this run and in later ones.
    """
    return [_check(asset, blocking=blocking) for asset in assets]


def _check(asset: str, *, blocking: bool) -> dg.AssetChecksDefinition:
    key = dg.AssetKey.from_user_string(asset)

    @dg.asset_check(asset=key, name=NAME, blocking=blocking, description=_DESCRIPTION)  # type: ignore[untyped-decorator, unused-ignore]
    def no_regression_check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        step = current_step(context)
        if step is None:
            message = f"the check {NAME} of {asset} judges a run, and there is none here"
            raise ConfigurationError(message)
        return _evaluate(step, asset, blocking=blocking)

    return no_regression_check


def _evaluate(step: Step, asset: str, *, blocking: bool) -> dg.AssetCheckResult:
    """Return the result of the check, recorded."""
    session = open_session(resource_uri(step.context), resolved=settings_of(step.context.run.tags))
    settings = session.resolved.settings.regression
    answer = session.store.consult(
        lambda view: check_run(
            view, step.run_id, asset, step.partition, settings, session.registry, project_directory()
        )
    )
    severity = severity_of(answer, settings)
    passed = answer.verdict.outcome == "PASS"
    said = description(answer)
    event = CheckEvaluated(
        asset=asset,
        partition=step.partition,
        run_id=step.run_id,
        check=NAME,
        status="passed" if passed else "failed",
        severity=severity,
        blocking=blocking and (passed or severity == "error"),
        description=said,
        details={"outcome": answer.verdict.outcome, "judged": answer.verdict.judged, "total": answer.verdict.total},
    )
    try:
        verdict_id = record(session.store, answer, beside=(event,))
    except StoreError as error:
        if session.resolved.settings.on_ledger_error == "fail":
            raise
        step.context.log.warning("dagster-ledger: the verdict is not recorded: %s", error)
        verdict_id = "unrecorded"
    return dg.AssetCheckResult(
        passed=passed,
        severity=_DAGSTER[severity],
        description=said,
        metadata=metadata(answer, verdict_id),
    )


def severity_of(answer: Answer, settings: RegressionSettings) -> str:
    """Return the severity that the check has in Dagster: ``warning`` or ``error``."""
    if answer.verdict.outcome == "FAIL":
        return settings.check_severity
    return settings.check_inconclusive if answer.verdict.outcome == "INCONCLUSIVE" else "warning"


def description(answer: Answer) -> str:
    """Return what the check says, in one sentence."""
    causes = f" ({'; '.join(answer.verdict.causes)})" if answer.verdict.causes else ""
    return f"{answer.verdict.outcome}: {answer.verdict.sentence}{causes}"


def metadata(answer: Answer, verdict_id: str) -> dict[str, str | int | float]:
    """Return the metadata of the check's result: the counts, and a line per finding, the worst first."""
    found: dict[str, str | int | float] = {
        "ledger/outcome": answer.verdict.outcome,
        "ledger/judged": answer.verdict.judged,
        "ledger/total": answer.verdict.total,
        "ledger/candidate_runs": len(answer.candidate_run_ids),
        "ledger/baseline": answer.baseline_where,
        "ledger/verdict": verdict_id,
    }
    for finding in answer.worst_first()[:_TOLD]:
        state = finding.state.replace("_", " ")
        found[f"ledger/{name_of(finding)}"] = f"{state}: {sentence(finding)}"
        percent = finding_fields(finding)["change_percent"]
        if percent is not None and finding.state == "regressed":
            found[f"ledger/{name_of(finding)} change_percent"] = float(percent)
    return found
