"""Every setting: its name, type, range, default and meaning.

Rules:
- A setting is one field here; ``config/base.yaml`` lists all of them, and a test holds the two together.
- Numbers carry their unit in the name.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.metrics import Direction, Kind, Metric


class DeclaredMetric(BaseModel):
    """A metric a project declares under ``metrics:``; the key is its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str
    direction: Direction
    kind: Kind
    description: str


class Settings(BaseModel):
    """The settings of one command or one run; frozen once resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ledger_uri: Annotated[str, Field(min_length=1, description="Directory of the ledger, or a file:// URI.")] = (
        ".ledger"
    )
    output_dir: Annotated[str, Field(min_length=1, description="Directory below which assets publish.")] = "output"
    chunk_size: Annotated[int, Field(ge=1, le=10_000_000, description="Rows matched at a time.")] = 25_000
    high_confidence_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Confidence from which a link counts as certain.")
    ] = 0.90
    low_confidence_threshold: Annotated[
        float, Field(ge=0.0, le=1.0, description="Confidence below which a link is refused.")
    ] = 0.75
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
    metrics: Annotated[
        dict[str, DeclaredMetric], Field(default_factory=dict, description="Metrics of the project, by name.")
    ]

    def declared_metrics(self) -> tuple[Metric, ...]:
        """Return the project's own metrics, sorted by name."""
        return tuple(
            Metric(name, entry.unit, entry.direction, entry.kind, entry.description)
            for name, entry in sorted(self.metrics.items())
        )
