"""The metrics a ledger may hold: name, unit, direction and kind of each.

Rules:
- An undeclared name is refused when it is recorded, with the way to declare it.
- The registry is written out by hand; a project adds its own with ``with_declared``.
- Names carry their unit (``_s``, ``_bytes``); ratios are spelled as the field does (``match_rate``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from ledger.errors import ConfigurationError
from ledger.names import did_you_mean
from ledger.units import BYTES, COUNT, RATIO, ROWS, ROWS_PER_SECOND, SECONDS, UNITS

Direction = Literal["lower_is_better", "higher_is_better", "neutral"]
Kind = Literal["time", "memory", "rate", "quality", "size", "overhead", "environment"]

DIRECTIONS: Final[tuple[Direction, ...]] = ("lower_is_better", "higher_is_better", "neutral")
KINDS: Final[tuple[Kind, ...]] = ("time", "memory", "rate", "quality", "size", "overhead", "environment")


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared metric.

    Attributes:
        name: ``snake_case``, carrying the unit where the number is bare.
        unit: One of ``ledger.units.UNITS``.
        direction: Which way is better; ``neutral`` is recorded but never judged.
        kind: What family of limits applies to it.
        description: One sentence for the reference documentation.
    """

    name: str
    unit: str
    direction: Direction
    kind: Kind
    description: str


_BUILT_IN: Final = (
    Metric("duration_s", SECONDS, "lower_is_better", "time", "Wall time of the asset's own work."),
    Metric("cpu_s", SECONDS, "lower_is_better", "time", "User and system CPU time, finished children included."),
    Metric("peak_rss_bytes", BYTES, "lower_is_better", "memory", "Highest resident set size while the asset ran."),
    Metric("start_rss_bytes", BYTES, "neutral", "memory", "Resident set size when the asset started."),
    Metric("peak_increase_bytes", BYTES, "lower_is_better", "memory", "Peak minus start of the resident set size."),
    Metric(
        "children_peak_rss_bytes",
        BYTES,
        "lower_is_better",
        "memory",
        "Highest sampled sum of the resident set sizes of processes the asset started.",
    ),
    Metric("rows_in", ROWS, "neutral", "size", "Rows the asset read."),
    Metric("rows_out", ROWS, "neutral", "size", "Rows the asset produced."),
    Metric("dataset_bytes", BYTES, "neutral", "size", "Size of the asset's input or output data."),
    Metric("records_per_s", ROWS_PER_SECOND, "higher_is_better", "rate", "Rows processed per second of wall time."),
    Metric("match_rate", RATIO, "higher_is_better", "quality", "Share of the rows in scope that were linked."),
    Metric("scope_rows", ROWS, "neutral", "quality", "Rows that the reference is expected to know."),
    Metric("precision", RATIO, "higher_is_better", "quality", "Share of scored links that are right."),
    Metric("recall", RATIO, "higher_is_better", "quality", "Share of labelled rows that were linked rightly."),
    Metric("calibration_error", RATIO, "lower_is_better", "quality", "Mean gap between stated and observed precision."),
    Metric(
        "max_method_calibration_error",
        RATIO,
        "lower_is_better",
        "quality",
        "Largest gap between stated and observed precision of a method with 30 scored links and more.",
    ),
    Metric(
        "held_out_calibration_error",
        RATIO,
        "lower_is_better",
        "quality",
        "Mean gap between confidence and agreement with identifiers, on rows that were not fitted on.",
    ),
    Metric("calibration_rows", ROWS, "neutral", "quality", "Rows that confidences were calibrated on."),
    Metric("mean_confidence", RATIO, "higher_is_better", "quality", "Mean confidence over the linked rows."),
    Metric("labelled_rows", ROWS, "neutral", "quality", "Rows whose right answer is known."),
    Metric("matched_rows", ROWS, "higher_is_better", "quality", "Rows that were linked."),
    Metric("unmatched_rows", ROWS, "lower_is_better", "quality", "Rows for which no reference row was found."),
    Metric("refused_identifiers", COUNT, "lower_is_better", "quality", "Identifiers refused as invalid or ambiguous."),
    Metric("quarantined_rows", ROWS, "lower_is_better", "quality", "Rows left out, since they could not be made."),
    Metric("duplicate_rows", ROWS, "lower_is_better", "quality", "Rows that repeat an earlier one."),
    Metric("resumed_rows", ROWS, "neutral", "size", "Rows whose parts an earlier attempt had left."),
    Metric("chunk_attempts", COUNT, "neutral", "size", "Chunks that were worked at, failed ones included."),
    Metric("chunk_adaptations", COUNT, "neutral", "size", "Changes of how chunks are worked at, for their memory."),
    Metric(
        "peak_anonymous_bytes", BYTES, "lower_is_better", "memory", "Highest anonymous memory of a worker at a chunk."
    ),
    Metric("append_s", SECONDS, "lower_is_better", "overhead", "Wall time spent appending to the ledger."),
    Metric("metering_cpu_s", SECONDS, "lower_is_better", "overhead", "CPU time spent on measuring, appends excluded."),
    Metric(
        "probe_s", SECONDS, "neutral", "environment", "Time of the fixed machine probe; larger is a slower machine."
    ),
    Metric("run_duration_s", SECONDS, "lower_is_better", "time", "Wall time of the whole run."),
    Metric("run_cpu_s", SECONDS, "lower_is_better", "time", "CPU time of all assets of the run."),
    Metric("run_peak_rss_bytes", BYTES, "lower_is_better", "memory", "Highest peak of any asset of the run."),
    Metric("run_rows_out", ROWS, "neutral", "size", "Rows produced by all assets of the run."),
    Metric("run_assets", COUNT, "neutral", "size", "Asset spans that were recorded in the run."),
    Metric("run_failed_assets", COUNT, "lower_is_better", "quality", "Asset spans that failed or were lost."),
)

MetricRegistry = Mapping[str, Metric]

BUILT_IN: Final[MetricRegistry] = MappingProxyType({metric.name: metric for metric in _BUILT_IN})


def with_declared(declared: Iterable[Metric], base: MetricRegistry = BUILT_IN) -> MetricRegistry:
    """Return ``base`` extended by a project's own metrics; ``base`` is left untouched.

    Raises:
        ConfigurationError: A name is taken with another meaning, or a unit, direction or kind is unknown.
    """
    registry = dict(base)
    for metric in declared:
        _check(metric)
        known = registry.get(metric.name)
        if known is not None and (known.unit, known.direction, known.kind) != (
            metric.unit,
            metric.direction,
            metric.kind,
        ):
            message = (
                f"metric {metric.name!r} is declared as {metric.unit}/{metric.direction}/{metric.kind} but already"
                f" means {known.unit}/{known.direction}/{known.kind}; choose another name"
            )
            raise ConfigurationError(message)
        registry[metric.name] = metric
    return MappingProxyType(registry)


def lookup(registry: MetricRegistry, name: str) -> Metric:
    """Return the declared metric of that name.

    Raises:
        ConfigurationError: The name is not declared; the message says how to declare it.
    """
    metric = registry.get(name)
    if metric is None:
        meant = did_you_mean(name, registry)
        hint = f" (did you mean {meant!r}?)" if meant else ""
        message = (
            f"metric {name!r} is not declared{hint}; declare it with"
            f" Metric({name!r}, unit, direction, kind, description) in @tracked(metrics=[...]) or under"
            " `metrics:` in config/base.yaml"
        )
        raise ConfigurationError(message)
    return metric


def _check(metric: Metric) -> None:
    """Raise where a declaration uses a word outside the closed lists."""
    allowed: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("unit", metric.unit, sorted(UNITS)),
        ("direction", metric.direction, DIRECTIONS),
        ("kind", metric.kind, KINDS),
    )
    for what, value, choices in allowed:
        if value not in choices:
            message = f"metric {metric.name!r} has {what} {value!r}; choose one of {', '.join(choices)}"
            raise ConfigurationError(message)
