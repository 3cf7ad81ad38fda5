"""Events of one attempt of one asset; they live in the stream ``asset/<asset>/<run>/<partition>/<attempt>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStarted(Event):
    """An attempt began. Without an end event in its stream it is running, or lost.

    Attributes:
        output_assets: Asset keys the span makes (several for a multi-asset), sorted.
        job: Dagster job name.
        step_key: Dagster step key.
        host: Host name, ``None`` where nobody recorded it.
        boot_id: Kernel boot id, ``None`` where it cannot be read.
        pid: Process id in its own PID namespace, ``None`` where nobody recorded it.
        pid_namespace: Inode of the PID namespace, ``None`` where it cannot be read.
        pid_started_ticks: Kernel start time of the process in clock ticks since boot, so a reused pid is recognised.
        code_version: Git commit, ``None`` outside a repository.
        code_dirty: Whether tracked files differed from the commit, ``None`` outside a repository.
        asset_code_version: The ``code_version`` the asset itself declares to Dagster.
        config_digest: SHA-256 (hex) over the resolved configuration.
        environment_digest: Digest of the ``EnvironmentRecorded`` event that follows.
    """

    KIND: ClassVar[str] = "asset_started"
    VERSION: ClassVar[int] = 2  # 1: host and pid had to be known.

    output_assets: tuple[str, ...]
    job: str | None = None
    step_key: str | None = None
    host: str | None = None
    boot_id: str | None = None
    pid: int | None = None
    pid_namespace: int | None = None
    pid_started_ticks: int | None = None
    code_version: str | None = None
    code_dirty: bool | None = None
    asset_code_version: str | None = None
    config_digest: str | None = None
    environment_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRecorded(Event):
    """The machine and the software a span ran on; equal digests mean comparable runs.

    Attributes:
        digest: SHA-256 (hex) of ``machine_class`` and ``software``.
        machine_class: What makes machines comparable: os, arch, CPU model, cores, memory class.
        software: Python, package-set digest and the versions that matter for speed.
        host: What is recorded but does not separate machines: name, kernel, limits.
    """

    KIND: ClassVar[str] = "environment_recorded"

    digest: str
    machine_class: Mapping[str, Json]
    software: Mapping[str, Json]
    host: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetHeartbeat(Event):
    """A long attempt is still alive; appended about once a minute."""

    KIND: ClassVar[str] = "asset_heartbeat"

    elapsed_s: float
    rss_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFinished(Event):
    """An attempt ended well; its measurements are ``MetricMeasured`` events of the same batch.

    Attributes:
        status: Always ``success``.
        peak_method: ``vmhwm`` (exact, from the kernel) or ``sampled``; ``none`` where the attempt was not measured.
        sample_hz: Sampling rate of the memory sampler, 0 without one.
    """

    KIND: ClassVar[str] = "asset_finished"

    status: str = "success"
    peak_method: str
    sample_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFailed(Event):
    """An attempt raised.

    Attributes:
        status: ``failed``, ``canceled`` (interrupted by the user or by Dagster), ``retrying`` (Dagster will try again
            in another attempt), or ``blocked`` (not begun, since a gate before it is closed).
        error_type: Qualified name of the exception class.
        error_message: Its text, cut to 4,000 characters.
        traceback: The last part of the formatted traceback, cut to 16,000 characters.
        context: What else was known: last progress, row range, log location.
        peak_method: As in ``AssetFinished``.
    """

    KIND: ClassVar[str] = "asset_failed"

    status: str = "failed"
    error_type: str
    error_message: str
    traceback: str
    context: Mapping[str, Json]
    peak_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLost(Event):
    """The reconciler closed an attempt whose process is gone without having said how it ended.

    Attributes:
        status: Always ``lost``.
        reason: One sentence: how it is known that the process is gone.
        last_seen_s: Seconds from the start of the attempt to its last event.
        context: The last progress and the process that is gone.
    """

    KIND: ClassVar[str] = "asset_lost"

    status: str = "lost"
    reason: str
    last_seen_s: float
    context: Mapping[str, Json]
