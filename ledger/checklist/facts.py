"""What a checklist is judged by: facts of one commit, gathered from ledger and repository by somebody else.

Rules:
- Facts are what was seen, not what it means; ``None`` and empty mean that nothing was seen.
- What could not be found out is told in ``lacking``, with why: an item that needs it does not hold.
- Everything is ordered, so that the same ledger gives the same facts, byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SmokeFact:
    """The newest result of a smoke case on the commit: event, whether it passed, whether files differed from it."""

    case: str
    passed: bool
    dirty: bool
    event: str


@dataclass(frozen=True, slots=True)
class CheckFact:
    """A quality check of an asset in the newest run.

    Attributes:
        asset: Asset.
        check: Check.
        passed: Whether it passed.
        blocking: Whether a failure stops what comes after.
        metric: Metric that it looks at.
        value: What was observed.
        threshold: The limit it was held against in the run.
        required: The limit that the commit's own configuration sets, whatever the run was told.
        event: Its event.
        grave: Whether a failure of it is an error, be it one that stops something or not.
    """

    asset: str
    check: str
    passed: bool
    blocking: bool
    metric: str | None
    value: float | None
    threshold: float | None
    required: float | None
    event: str
    grave: bool = False

    @property
    def stops(self) -> bool:
        """Return whether a failure of it is one that nothing may be deployed with."""
        return self.blocking or (self.grave and not self.passed)

    @property
    def holds(self) -> bool:
        """Return whether it passed, and would have under the commit's own configuration."""
        loosened = self.required is not None and (self.value is None or self.value < self.required)
        return self.passed and not (self.blocking and loosened)


@dataclass(frozen=True, slots=True)
class RunFact:
    """The newest run of a job on the commit, with no file differing from it.

    Attributes:
        job: The job.
        run_id: The run, ``None`` where there is none.
        status: How it ended.
        expected: Assets that the job is known to make, from this run and those before it.
        made: Assets that it made.
        checks: Its quality checks.
        configuration: Digest of the configuration that it recorded, ``None`` where it recorded none.
        configuration_event: The event that says so.
        overrides: Settings that neither a file nor a default gave: name, value and source.
        lost: Assets whose process was killed.
    """

    job: str
    run_id: str | None = None
    status: str | None = None
    expected: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    configuration: str | None = None
    overrides: tuple[tuple[str, str, str], ...] = ()
    lost: tuple[str, ...] = ()
    configuration_event: str | None = None


@dataclass(frozen=True, slots=True)
class BaselineFact:
    """A baseline file of the commit: its path below ``baselines/``, its asset, and the SHA-256 of its bytes."""

    path: str
    asset: str
    sha256: str


@dataclass(frozen=True, slots=True)
class GateFact:
    """What the regression gate says of the newest runs of a job on the commit, against the commit's baselines.

    Attributes:
        job: The job.
        outcome: ``PASS``, ``WARN``, ``FAIL`` or ``INCONCLUSIVE``; ``None`` where nothing could be asked.
        sentence: Counts and causes, or why nothing could be asked.
        judged: Findings that are regressed, improved or ok.
        findings: All findings.
        run_ids: Runs that were judged.
        baseline_digest: Digest over the runs and values of the baseline.
        regressed: What regressed, as ``asset metric``.
        anchors: Metrics that have an anchor in the files.
        anchored: Those of them that were held against it as well.
        verdict: The event of a verdict that somebody recorded on just these runs and this baseline.
        recorded: What that verdict was.
    """

    job: str
    outcome: str | None
    sentence: str
    judged: int = 0
    findings: int = 0
    run_ids: tuple[str, ...] = ()
    baseline_digest: str | None = None
    regressed: tuple[str, ...] = ()
    anchors: int = 0
    anchored: int = 0
    verdict: str | None = None
    recorded: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerFact:
    """Whether the ledger is what was appended.

    Attributes:
        origin: Its name.
        size: Appends that are sealed.
        root: Root of their tree (hex).
        problems: What is wrong, first things first.
        unsealed: Appends that no checkpoint covers.
        previous: Size and root of the checkpoint of the last accepted manifest, ``None`` where there is none.
        continues: Whether the ledger contains that checkpoint.
    """

    origin: str
    size: int
    root: str
    problems: tuple[str, ...] = ()
    unsealed: int = 0
    previous: tuple[int, str] | None = None
    continues: bool = True


@dataclass(frozen=True, slots=True)
class AlertFact:
    """An alert of a run in scope; who answers for it, until when, and the events that say so."""

    alert_id: str
    severity: str
    asset: str | None
    run_id: str
    message: str
    acknowledged_until: datetime | None = None
    event: str | None = None
    owner: str | None = None
    reason: str | None = None
    acknowledged: str | None = None


@dataclass(frozen=True, slots=True)
class OverrideFact:
    """A person lets an asset pass a closed gate."""

    asset: str
    check: str | None
    owner: str
    reason: str
    expires: str
    event: str | None = None


@dataclass(frozen=True, slots=True)
class TrendFact:
    """A metric that is getting worse over runs: asset, metric, and what is said of it."""

    asset: str
    metric: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is known of a commit.

    Attributes:
        commit: The commit (hex).
        environment: Where it is to be deployed.
        at: The moment that is judged.
        dirty: Whether files of the work tree differ from the commit, ``None`` where nobody looked.
        smoke_cases: Smoke cases that the commit has.
        smoke_files: Path of each file of them from the project to SHA-256 (hex).
        smoke: Their results.
        runs: The newest run of each job.
        baselines: The commit's baseline files.
        gates: What the regression gate says, a job each.
        ledger: Whether the ledger is what was appended, ``None`` where nobody looked.
        alerts: Alerts of the runs in scope.
        gate_overrides: Overrides of quality gates that hold at ``at``.
        trends: What is getting worse.
        off: Items that the commit's configuration switches off.
        lacking: Item to why it cannot be judged.
    """

    commit: str
    environment: str
    at: datetime
    dirty: bool | None = None
    smoke_cases: tuple[str, ...] = ()
    smoke_files: Mapping[str, str] = field(default_factory=dict)
    smoke: tuple[SmokeFact, ...] = ()
    runs: tuple[RunFact, ...] = ()
    baselines: tuple[BaselineFact, ...] = ()
    gates: tuple[GateFact, ...] = ()
    ledger: LedgerFact | None = None
    alerts: tuple[AlertFact, ...] = ()
    gate_overrides: tuple[OverrideFact, ...] = ()
    trends: tuple[TrendFact, ...] = ()
    off: tuple[str, ...] = ()
    lacking: Mapping[str, str] = field(default_factory=dict)
