"""Events of a whole pipeline run; they live in the stream ``run/<run id>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began; written by whoever sees it first: the command line, or the first tracked step.

    Attributes:
        job: Dagster job name.
        launcher: ``cli`` or ``dagster`` (UI, schedule, sensor, or code).
        planned_assets: Asset keys the run means to materialise, sorted.
        launch_id: Id the launching command gave, ``None`` for runs it did not launch.
        tags: Dagster run tags.
    """

    KIND: ClassVar[str] = "run_started"

    job: str
    launcher: str
    planned_assets: tuple[str, ...]
    launch_id: str | None = None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run ended, with ``status`` ``success``, ``failed`` or ``canceled``."""

    KIND: ClassVar[str] = "run_finished"

    status: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationResolved(Event):
    """The configuration a run used, with the source of every value.

    Attributes:
        digest: SHA-256 (hex) of the canonical JSON of ``values`` and of the Dagster run configuration.
        values: Setting name to value.
        sources: Setting name to where the value came from (``default``, ``config/base.yaml:3``, a variable, a flag).
    """

    KIND: ClassVar[str] = "configuration_resolved"

    digest: str
    values: Mapping[str, Json]
    sources: Mapping[str, str]
