"""Events of a whole pipeline run; they live in the stream ``run/<run id>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began; written by whoever sees it first: the command line, or the first tracked step.

    Attributes:
        job: Dagster job name.
        launcher: ``cli``, ``dagster`` (UI, schedule, sensor, or code), or ``import`` for a run that was taken over from
            another record of it.
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


IMPORTED: Final = "import"
"""The launcher of runs that were taken over from another record; they were not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunImported(Event):
    """A run was taken over from another record of it, with what that record knows: it was not measured.

    Attributes:
        source: Where from: ``dagster_event_log``.
        source_status: How that record says the run ended, in its own words.
        attempts: Attempts that were taken over.
        not_recorded: What the source does not know, by metric or field: absent from the events, and not zero.
    """

    KIND: ClassVar[str] = "run_imported"

    source: str
    source_status: str
    attempts: int
    not_recorded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterializationImported(Event):
    """The numbers that an asset's materialisation carried in the record it was taken over from.

    Those whose names are declared are metrics as well; the others have no unit that a comparison could rely on.

    Attributes:
        numbers: Name in the metadata to value, finite.
    """

    KIND: ClassVar[str] = "materialization_imported"

    numbers: Mapping[str, float]


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
