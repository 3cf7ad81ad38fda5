"""Records what the gate said, with an alert for each regression, and finds it again.

Rules:
- The stream is named by what was said of what: the same answer given twice is recorded once, by whoever was first.
- A regression alerts in the newest run that was judged. The id of the alert follows from that run, the asset and the
  metric, so that another gate over the same runs raises no second one.
"""

import contextlib
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.errors import ConfigurationError, ConflictError
from ledger.events import AlertRaised, Event, RunStarted, StreamId, VerdictReached
from ledger.events.codec import canonical_json, from_table
from ledger.report.gate import change_percent, sentence
from ledger.service.alerts.alerting import alert_id
from ledger.service.gate.regression import Answer
from ledger.service.project.clock import Clock, utc_now
from ledger.service.recording.overrides import carried
from ledger.service.recording.recorder import StreamRecorder
from ledger.stats.records import Finding
from ledger.store.protocol import EventQuery, LedgerStore, LedgerView
from ledger.units import format_value

TOPIC: Final = "verdict"
_ID_LETTERS: Final = 32
_CAUSE: Final = "regression"
_KEPT: Final = (
    "asset",
    "partition",
    "metric",
    "state",
    "severity",
    "against",
    "estimate",
    "upper_bound",
    "limit",
    "adjusted_p",
    "needed_runs",
    "n_baseline",
    "n_candidate",
    "baseline_value",
    "candidate_value",
    "unit",
)


_UNSETTLED: Final = frozenset({"regressed", "inconclusive"})


@dataclass(frozen=True, slots=True)
class Suspect:
    """What regressed, or looks like it: asset, partition and metric."""

    asset: str
    partition: str | None
    metric: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A verdict in the ledger: its id and its event."""

    verdict_id: str
    event: VerdictReached


def record(
    store: LedgerStore,
    answer: Answer,
    *,
    confirms: str | None = None,
    beside: Sequence[Event] = (),
    clock: Clock = utc_now,
) -> str:
    """Record a verdict and its alerts unless that was done before, and return the id of the verdict.

    Args:
        store: The ledger.
        answer: What the gate said.
        confirms: Id of the verdict whose suspects were run again.
        beside: Further events that belong to the verdict, such as the check that it was reached in.
        clock: Gives the time.

    Raises:
        StoreError: The ledger cannot be written.
    """
    event = _event(answer, confirms)
    said = {name: getattr(event, name) for name in ("outcome", "candidate_run_ids", "baseline", "baseline_digest")}
    text = canonical_json({**said, "findings": event.findings, "missing": event.missing, "confirms": confirms})
    verdict_id = hashlib.sha256(text.encode()).hexdigest()[:_ID_LETTERS]
    stream = StreamId(TOPIC, verdict_id)
    if store.head(str(stream)) is None:
        with contextlib.suppress(ConflictError):  # Another gate said the same at the same moment.
            events: tuple[Event, ...] = (event, *beside, *regression_alerts(answer))
            StreamRecorder(store, stream, clock=clock).record(*events)
    return verdict_id


def regression_alerts(answer: Answer) -> list[AlertRaised]:
    """Return an alert for each regression, in the order they are told in."""
    newest = answer.candidate_run_ids[-1] if answer.candidate_run_ids else None
    return [_alert(finding, newest) for finding in answer.worst_first() if finding.state == "regressed"]


def latest(view: LedgerView, job: str | None = None) -> Recorded:
    """Return the newest verdict of a gate that is no confirmation.

    Args:
        view: The ledger.
        job: Job that was judged; any when ``None``.

    Raises:
        ConfigurationError: There is none.
    """
    found = [
        Recorded(StreamId.parse(entry.stream).key, entry.event)
        for entry in from_table(view.read(EventQuery(kinds=("verdict_reached",))))
        if isinstance(entry.event, VerdictReached) and entry.event.confirms is None and job in {None, entry.event.job}
    ]
    if not found:
        of_job = f" of job {job}" if job else ""
        message = f"no gate{of_job} was recorded in the ledger at {view.uri}; run `dagster-ledger gate` first"
        raise ConfigurationError(message)
    return found[-1]


def settings_tags(view: LedgerView, event: VerdictReached) -> dict[str, str]:
    """Return the run tags that chose the settings of the newest judged run, so that a fresh one has the same."""
    if not event.candidate_run_ids:
        return {}
    query = EventQuery(kinds=("run_started",), run_ids=event.candidate_run_ids[-1:])
    began = [entry.event for entry in from_table(view.read(query))]
    return next((carried(one.tags) for one in began if isinstance(one, RunStarted)), {})


def suspects(event: VerdictReached) -> tuple[Suspect, ...]:
    """Return what a verdict left to be confirmed: regressions, and undecided changes at or beyond their limit."""
    return tuple(
        Suspect(str(finding["asset"]), _text(finding.get("partition")), str(finding["metric"]))
        for finding in event.findings
        if finding["state"] in _UNSETTLED and _number(finding.get("estimate")) >= _number(finding.get("limit"))
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")


def _event(answer: Answer, confirms: str | None) -> VerdictReached:
    verdict = answer.verdict
    return VerdictReached(
        outcome=verdict.outcome,
        sentence=verdict.sentence,
        job=answer.job,
        candidate_run_ids=answer.candidate_run_ids,
        baseline=str(answer.baseline),
        baseline_digest=answer.baseline_digest,
        code_version=answer.code_versions[0] if len(answer.code_versions) == 1 else None,
        confirms=confirms,
        judged=verdict.judged,
        causes=verdict.causes,
        missing=verdict.missing,
        findings=tuple(_kept(finding) for finding in answer.worst_first()),
    )


def _kept(finding: Finding) -> dict[str, Any]:
    found = {name: getattr(finding, name) for name in _KEPT}
    known = {name: value for name, value in found.items() if value is not None and not _is_strange(value)}
    return known | {"sentence": sentence(finding)}


def _is_strange(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _alert(finding: Finding, run_id: str | None) -> AlertRaised:
    percent = change_percent(finding)
    shown = f" ({percent:+.1f} %)" if percent is not None else ""
    before, now = (format_value(value, finding.unit) for value in (finding.baseline_value, finding.candidate_value))
    return AlertRaised(
        asset=finding.asset,
        partition=finding.partition,
        run_id=run_id,
        alert_id=alert_id(run_id, finding.asset, finding.partition, f"{_CAUSE}:{finding.metric}"),
        severity=finding.severity or "warning",
        metric=finding.metric,
        value=finding.candidate_value,
        threshold=finding.baseline_value,
        unit=finding.unit,
        delta=finding.delta,
        change_ratio=None if percent is None else percent / 100.0,
        message=f"{finding.metric} of {finding.asset} regressed from {before} to {now}{shown}; {sentence(finding)}",
    )
