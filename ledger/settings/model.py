"""Every setting: its name, type, range, default and meaning.

Rules:
- A setting is one field here; ``config/base.yaml`` lists all of them, and a test holds the two together.
- Numbers carry their unit in the name.
"""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ledger.metrics import Direction, Kind, Metric
from ledger.settings.limits import ANY_ASSET, MetricLimit, Severity
from ledger.settings.monitoring import MonitoringSettings
from ledger.settings.regression import RegressionSettings
from ledger.units import MIB

SECRET_SETTINGS: Final = frozenset({"notify_webhook_urls", "notify_commands"})
"""Settings whose values are never shown or recorded: who knows a webhook's address may write to it."""

_ADDRESS: Final = re.compile(r"[a-z]+://[^/\s]+:[0-9]{1,5}")


class DeclaredMetric(BaseModel):
    """A metric a project declares under ``metrics:``; the key is its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Annotated[str, Field(description="s, bytes, rows, rows/s, ratio, count, or one of your own.")]
    direction: Annotated[Direction, Field(description="Which way is better; of neutral ones nothing is judged.")]
    kind: Annotated[Kind, Field(description="Which limit of the regression gate holds for it.")]
    description: Annotated[str, Field(description="What it is, for people.")]


class Settings(BaseModel):
    """The settings of one command or one run; frozen once resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ledger_uri: Annotated[
        str, Field(min_length=1, description="Directory of the ledger, or an s3://, gs:// or az:// URI.")
    ] = ".ledger"
    input_dir: Annotated[
        str, Field(description="Directory the pipeline reads; empty for the data that comes with it.")
    ] = ""
    output_dir: Annotated[str, Field(min_length=1, description="Directory below which assets publish.")] = "output"
    chunk_size: Annotated[int, Field(ge=1, le=10_000_000, description="Most rows worked at, at a time.")] = 25_000
    chunk_executor: Annotated[
        Literal["auto", "in_process", "processes", "dask"],
        Field(description="What works at chunks; auto is this process, or a pool where `chunk_workers` is 2 or more."),
    ] = "auto"
    chunk_workers: Annotated[
        int, Field(ge=1, le=1024, description="Processes that work at chunks; 1 works in the process of the asset.")
    ] = 1
    dask_scheduler: Annotated[
        str,
        Field(
            description="Address of the Dask scheduler that `chunk_executor: dask` works with, such as"
            " tcp://scheduler:8786."
        ),
    ] = ""
    chunk_retries: Annotated[int, Field(ge=0, le=100, description="How often a chunk that failed is tried again.")] = 2
    chunk_backoff_s: Annotated[
        float, Field(ge=0.0, le=3600.0, description="Seconds before a chunk is tried again, doubled each time.")
    ] = 1.0
    on_chunk_failure: Annotated[
        Literal["fail", "quarantine"],
        Field(description="Whether rows that cannot be made fail the asset, or are left out and counted."),
    ] = "fail"
    high_confidence_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Confidence from which a link counts as certain.")
    ] = 0.90
    low_confidence_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Similarity of names below which a link is refused.")
    ] = 0.75
    memory_threshold_mb: Annotated[
        int,
        Field(ge=64, le=16_777_216, description="MiB an asset may take: chunks shrink below it, above it is alerted."),
    ] = 2048
    timeout_seconds: Annotated[
        float,
        Field(
            gt=0.0, le=604_800.0, description="Seconds an asset, or each of its chunks, may run before it is stopped."
        ),
    ] = 300.0
    match_rate_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Least match rate; below it a gate closes.")
    ] = 0.70
    precision_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Least precision; below it a gate closes.")
    ] = 0.95
    recall_threshold: Annotated[float, Field(ge=0.0, le=1.0, description="Least recall; below it a check warns.")] = (
        0.85
    )
    limits: Annotated[
        dict[str, dict[str, MetricLimit]],
        Field(
            default_factory=dict,
            description="Limits that alert: asset (or `*`), metric, then max or min, in the metric's unit.",
        ),
    ]
    alert_error_breach: Annotated[
        float,
        Field(ge=0.0, le=100.0, description="Size of a breach, relative to its limit, from which it is an error."),
    ] = 0.10
    alert_critical_breach: Annotated[
        float,
        Field(ge=0.0, le=100.0, description="Size of a breach, relative to its limit, from which it is critical."),
    ] = 0.25
    notify_webhook_urls: Annotated[
        list[str], Field(default_factory=list, description="Addresses that get alerts, as Slack reads them.")
    ]
    notify_commands: Annotated[
        list[str], Field(default_factory=list, description="Commands that get alerts as JSON on their input.")
    ]
    notify_min_severity: Annotated[
        Severity, Field(description="Mildest alert that is told: warning, error or critical.")
    ] = "warning"
    on_ledger_error: Annotated[
        Literal["fail", "warn"],
        Field(description="Whether an asset fails, or only warns, when the ledger cannot be written."),
    ] = "fail"
    memory_sample_hz: Annotated[
        float, Field(gt=0.0, le=100.0, description="Memory samples per second, for child processes.")
    ] = 10.0
    heartbeat_s: Annotated[float, Field(ge=1.0, le=3600.0, description="Seconds between signs of life.")] = 60.0
    progress_every_s: Annotated[
        float, Field(ge=0.0, le=3600.0, description="Least seconds between two progress events of an asset.")
    ] = 2.0
    progress_log_every_s: Annotated[
        float, Field(ge=0.0, le=3600.0, description="Least seconds between two lines of progress in Dagster's log.")
    ] = 10.0
    ledger_seal_appends: Annotated[
        int, Field(ge=1, le=1_000_000, description="Appends of one process after which it seals the ledger.")
    ] = 500
    ledger_compact_appends: Annotated[
        int, Field(ge=1, le=10_000_000, description="Loose files from which on the ledger is compacted.")
    ] = 2_000
    ledger_grace_s: Annotated[
        float, Field(ge=0.0, le=31_536_000.0, description="Seconds that files stay once a compaction replaced them.")
    ] = 86_400.0
    report_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="Address of the report, to which each tracked asset links; empty for no link.",
        ),
    ] = ""
    regression: Annotated[
        RegressionSettings,
        Field(default_factory=RegressionSettings, description="What the regression gate tolerates and looks at."),
    ]
    monitoring: Annotated[
        MonitoringSettings,
        Field(default_factory=MonitoringSettings, description="When monitoring alerts, beside the limits."),
    ]
    readiness_off: Annotated[
        list[str],
        Field(
            default_factory=list,
            description="Items of the readiness checklist not judged; a policy that requires one still blocks.",
        ),
    ]
    metrics: Annotated[
        dict[str, DeclaredMetric], Field(default_factory=dict, description="Metrics of the project, by name.")
    ]

    def declared_metrics(self) -> tuple[Metric, ...]:
        """Return the project's own metrics, sorted by name."""
        return tuple(
            Metric(name, entry.unit, entry.direction, entry.kind, entry.description)
            for name, entry in sorted(self.metrics.items())
        )

    def limits_of(self, asset: str) -> dict[str, MetricLimit]:
        """Return the limits that hold for an asset, by metric: its own, then those of ``*``, then the thresholds."""
        found = {"peak_rss_bytes": MetricLimit(max=self.memory_threshold_mb * MIB)}
        found |= {"match_rate": MetricLimit(min=self.match_rate_threshold)}
        return found | self.limits.get(ANY_ASSET, {}) | self.limits.get(asset, {})

    @field_validator("dask_scheduler")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            message = "it must be an address, such as tcp://scheduler:8786"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _dask_has_a_scheduler(self) -> Self:
        if self.chunk_executor == "dask" and not self.dask_scheduler:
            message = "chunk_executor is dask, but dask_scheduler names no scheduler; give it, as tcp://host:8786"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _bands_ascend(self) -> Self:
        if self.alert_critical_breach < self.alert_error_breach:
            message = "alert_critical_breach must not be below alert_error_breach"
            raise ValueError(message)
        return self
