"""Puts together what is shown: trends with charts, the gate of each job, and the readiness of a commit.

Rules:
- Everything is a projection of the ledger, the baseline files and, for readiness, the commit and the policy.
- What cannot be had does not keep the rest from being shown: it is told with the sentence of its error.
- Nothing is written but what ``Wanted.seal`` allows: readiness stands on a sealed ledger.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import LedgerError
from ledger.metrics import MetricRegistry
from ledger.report.overview import GateSection, Overview, ReadinessSection, RunRow
from ledger.service.baselines import accepted
from ledger.service.gate.baseline_words import parse_baseline
from ledger.service.gate.regression import Question, ask, known_jobs
from ledger.service.overview.charting import charts_of, trends_and_looks
from ledger.service.readiness.manifests import judge_commit
from ledger.service.reading.choosing import Choice
from ledger.service.reading.standing import standing
from ledger.service.trends.history import Asked
from ledger.settings import Settings
from ledger.store.protocol import LedgerStore, LedgerView, SealingStore

NEWEST_RUNS: Final = 20
"""Runs that are listed whatever the charts hold: a run that failed has no values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be shown.

    Attributes:
        asked: Which histories.
        title: What the report is called.
        project: Directory of the project, which baseline files and git are looked up in.
        gate: Whether the gate is asked.
        readiness: Whether readiness is judged.
        environment: Where the commit is to be deployed.
        commit: Commit that is judged; what is checked out when ``None``.
        protected_ref: Where the trust root is read; see ``ledger.service.trust.root``.
        seal: Whether the ledger is sealed before readiness is judged; otherwise what is sealed already is judged.
    """

    asked: Asked
    title: str
    project: Path
    gate: bool = True
    readiness: bool = True
    environment: str = "prod"
    commit: str | None = None
    protected_ref: str | None = None
    seal: bool = True


def overview(
    store: LedgerStore, wanted: Wanted, settings: Settings, registry: MetricRegistry, *, at: datetime
) -> Overview:
    """Return what is shown of a ledger.

    Args:
        store: The ledger.
        wanted: What is to be shown.
        settings: Limits, and what the gate tolerates.
        registry: The declared metrics.
        at: The moment that readiness is judged for.

    Raises:
        ConfigurationError: An asset, a metric or a job is not in the ledger.
        StoreError: The ledger could not be read.
    """
    readiness = _readiness(store, wanted, at=at)
    return store.consult(lambda view: _seen(view, wanted, settings, registry, readiness))


def _seen(
    view: LedgerView, wanted: Wanted, settings: Settings, registry: MetricRegistry, readiness: ReadinessSection
) -> Overview:
    found = trends_and_looks(view, wanted.asked, registry)
    gates = _gates(view, wanted, settings, registry) if wanted.gate else ()
    problems: list[str] = []
    charts, unread = charts_of(view, found, gates, _files(wanted.project, problems), settings, registry)
    runs = _runs(view, {run_id for chart in charts for run_id in chart.run_ids}, wanted.asked.job)
    return Overview(
        title=wanted.title,
        ledger=Path(view.uri).name,
        window=found[0].window,
        as_of=max((run.started for run in runs if run.started is not None), default=None),
        charts=charts,
        gates=gates,
        readiness=readiness,
        runs=runs,
        problems=(*problems, *unread),
    )


def _files(project: Path, problems: list[str]) -> accepted.AcceptedBaselines | None:
    try:
        return accepted.from_directory(project / accepted.DIRECTORY)
    except LedgerError as error:
        problems.append(" ".join(str(error).split()))
        return None


def _gates(view: LedgerView, wanted: Wanted, settings: Settings, registry: MetricRegistry) -> tuple[GateSection, ...]:
    """Return what the gate says of the newest runs of each job, against what the settings name."""
    jobs = (wanted.asked.job,) if wanted.asked.job is not None else known_jobs(view)
    return tuple(_gate(view, job, wanted, settings, registry) for job in jobs)


def _gate(view: LedgerView, job: str, wanted: Wanted, settings: Settings, registry: MetricRegistry) -> GateSection:
    try:
        question = Question(
            candidate=Choice(job=job),
            baseline=parse_baseline(settings.regression.baseline),
            require=tuple(settings.regression.require),
        )
        return GateSection(job, ask(view, question, settings.regression, registry, wanted.project))
    except LedgerError as error:
        return GateSection(job, None, " ".join(str(error).split()))


def _readiness(store: LedgerStore, wanted: Wanted, *, at: datetime) -> ReadinessSection:
    if not wanted.readiness:
        return ReadinessSection(why="nobody asked for it")
    if not isinstance(store, SealingStore):
        return ReadinessSection(why="the ledger cannot be sealed; only ledgers of Parquet files can")
    try:
        judged = judge_commit(
            store,
            wanted.project,
            wanted.environment,
            commit=wanted.commit,
            protected_ref=wanted.protected_ref,
            at=at,
            seal=wanted.seal,
        )
    except LedgerError as error:
        return ReadinessSection(why=" ".join(str(error).split()))
    return ReadinessSection(judged.assessment, judged.facts)


def _runs(view: LedgerView, charted: set[str], job: str | None) -> tuple[RunRow, ...]:
    """Return the runs of the charts and the newest ones, oldest first."""
    known = standing(view).runs
    if job is not None:
        known = known.filter(pc.fill_null(pc.equal(known.column("job"), job), fill_value=False))
    newest = set(known.slice(max(known.num_rows - NEWEST_RUNS, 0)).column("run_id").to_pylist())
    chosen = known.filter(pc.is_in(known.column("run_id"), pa.array(sorted(charted | newest), pa.string())))
    names = ["run_id", "job", "status", "started", "duration_s"]
    return tuple(RunRow(**row) for row in chosen.select(names).to_pylist())
