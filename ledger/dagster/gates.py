"""Quality checks of an asset, evaluated inside of it: gates, which stop what comes after, and warnings.

Rules:
- A gate is declared with the asset and evaluated by the asset itself, so that executing the asset again after a fix is
  all it takes to open it::

      CHECKS = QualityChecks("enriched", at_least("match_rate", "match_rate_threshold"), unique("id"))

      @dg.asset(check_specs=CHECKS.specs)
      @tracked
      def enriched() -> Results:
          ...
          yield from CHECKS.results(table)

- What was not measured does not pass: a gate that nobody can see is closed.
- A check that fails says which assets will not be made because of it, before Dagster leaves them out silently.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import dagster as dg
import pyarrow as pa

from ledger.dagster.span import current_settings, current_span
from ledger.dagster.step import current_step, descendants
from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.service.alerts.alerting import change_ratio, severity_in
from ledger.settings import MetricLimit, Settings

SEVERITY_KEY: Final = "ledger/severity"
BLOCKS_KEY: Final = "ledger/blocks"
METRIC_KEY: Final = "ledger/metric"


Results: TypeAlias = Iterator[dg.Output[Any] | dg.MaterializeResult[Any] | dg.AssetCheckResult]
"""What an asset with checks yields."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check looks at.

    Attributes:
        table: The asset's value as an Arrow table, ``None`` where it has none.
        values: Metric to value, as recorded with the span so far.
        settings: The settings that hold.
    """

    table: pa.Table | None
    values: Mapping[str, float]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Observed:
    """What a check saw.

    Attributes:
        passed: Whether it is well.
        said: One sentence.
        metric: Metric it looked at, if any.
        value: What was observed, if it is a number.
        limit: What it was held against, if it is a number.
    """

    passed: bool
    said: str
    metric: str | None = None
    value: float | None = None
    limit: MetricLimit | None = None


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One check: its name, whether a failure stops what comes after, and how it looks."""

    name: str
    blocking: bool
    description: str
    look: Callable[[Subject], Observed]


def at_least(metric: str, threshold: float | str, *, blocking: bool = True) -> QualityCheck:
    """Return a check that a metric is not below a threshold, given as a number or as the name of a setting."""
    return _bounded(metric, threshold, "min", blocking=blocking)


def at_most(metric: str, threshold: float | str, *, blocking: bool = True) -> QualityCheck:
    """Return a check that a metric is not above a threshold, given as a number or as the name of a setting."""
    return _bounded(metric, threshold, "max", blocking=blocking)


def required_columns(*columns: str, blocking: bool = True) -> QualityCheck:
    """Return a check that the table has these columns, without nulls."""

    def look(subject: Subject) -> Observed:
        table = _table(subject)
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            return Observed(passed=False, said=f"columns are missing: {', '.join(missing)}")
        nulls = {name: table.column(name).null_count for name in columns if table.column(name).null_count}
        if nulls:
            told = ", ".join(f"{name} ({count:,} rows)" for name, count in nulls.items())
            return Observed(passed=False, said=f"columns have nulls: {told}", value=float(sum(nulls.values())))
        return Observed(passed=True, said=f"{len(columns)} columns are there, without nulls", value=0.0)

    return QualityCheck("required_columns", blocking, f"Columns without nulls: {', '.join(columns)}.", look)


def unique(*columns: str, blocking: bool = True) -> QualityCheck:
    """Return a check that no two rows of the table agree in these columns."""

    def look(subject: Subject) -> Observed:
        table = _table(subject)
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            return Observed(passed=False, said=f"columns are missing: {', '.join(missing)}")
        counted = table.group_by(list(columns)).aggregate([([], "count_all")])
        repeated = float(table.num_rows - counted.num_rows)
        said = f"{repeated:,.0f} of {table.num_rows:,} rows repeat {', '.join(columns)}"
        return Observed(repeated == 0.0, said, value=repeated, limit=MetricLimit(max=0.0))

    name = "unique_" + "_".join(columns)
    return QualityCheck(name, blocking, f"No two rows agree in {', '.join(columns)}.", look)


class QualityChecks:
    """The checks of one asset."""

    def __init__(self, asset: str, *checks: QualityCheck) -> None:
        """Declare checks.

        Args:
            asset: Asset key joined by ``/``.
            checks: The checks; their names must differ.
        """
        self._key: Final = dg.AssetKey.from_user_string(asset)
        self._checks: Final = checks
        names = [check.name for check in checks]
        if len(set(names)) != len(names):
            message = f"checks of {asset!r} share a name: {', '.join(sorted(names))}"
            raise ConfigurationError(message)

    @property
    def specs(self) -> list[dg.AssetCheckSpec]:
        """The declarations, for ``check_specs`` of the asset."""
        return [
            dg.AssetCheckSpec(check.name, asset=self._key, description=check.description, blocking=check.blocking)
            for check in self._checks
        ]

    def evaluate(self, value: object = None) -> list[dg.AssetCheckResult]:
        """Return the result of every check.

        Args:
            value: The asset's value, if it is a table (Arrow, pandas, Polars); checks on metrics need none.
        """
        name = self._key.to_user_string()
        subject = Subject(_as_table(value), current_span().noted(name), current_settings())
        step = current_step()
        blocked = descendants(step.context, self._key) if step else ()
        return [self._result(check, check.look(subject), subject.settings, blocked) for check in self._checks]

    def results(
        self,
        value: Any = None,  # noqa: ANN401 - any value
        *,
        output_name: str = "result",
        metadata: Mapping[str, Any] | None = None,
    ) -> Results:
        """Yield a value and the results of its checks, for the asset to yield in its turn.

        Args:
            value: The asset's value, ``None`` for an asset that stored its result itself.
            output_name: Output of a multi-asset that the value is.
            metadata: Further metadata of the materialisation.
        """
        checked = self.evaluate(value)
        if value is None:
            yield dg.MaterializeResult(asset_key=self._key, metadata=metadata)
        else:
            yield dg.Output(value, output_name, metadata=metadata)
        yield from checked

    def _result(
        self, check: QualityCheck, seen: Observed, settings: Settings, blocked: tuple[str, ...]
    ) -> dg.AssetCheckResult:
        metadata: dict[str, Any] = {}
        if seen.metric is not None:
            metadata[METRIC_KEY] = seen.metric
        if seen.value is not None:
            metadata["value"] = seen.value
        if seen.limit is not None:
            metadata["threshold"] = seen.limit.bound
        if seen.value is not None and seen.limit is not None:
            metadata["delta"] = seen.value - seen.limit.bound
            ratio = change_ratio(seen.value, seen.limit.bound)
            metadata |= {"change_ratio": ratio} if ratio is not None else {}
        said = seen.said
        if not seen.passed:
            metadata[SEVERITY_KEY] = _severity(check, seen, settings)
            if check.blocking:
                metadata[BLOCKS_KEY] = list(blocked)
                said += f"; not made in this run: {', '.join(blocked) or 'nothing depends on it'}"
        return dg.AssetCheckResult(
            passed=seen.passed,
            asset_key=self._key,
            check_name=check.name,
            severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
            description=said,
            metadata=metadata,
        )


def _bounded(metric: str, threshold: float | str, side: str, *, blocking: bool) -> QualityCheck:
    """Return a check that a metric keeps to a bound."""
    if isinstance(threshold, str) and threshold not in Settings.model_fields:
        raise ConfigurationError(no_such("setting", threshold, Settings.model_fields))

    def look(subject: Subject) -> Observed:
        bound = float(getattr(subject.settings, threshold)) if isinstance(threshold, str) else float(threshold)
        limit = MetricLimit(min=bound) if side == "min" else MetricLimit(max=bound)
        value = subject.values.get(metric)
        if value is None:
            return Observed(passed=False, said=f"{metric} was not measured", metric=metric, limit=limit)
        passed = limit.breach_ratio(value) is None
        relation = {("min", True): "at least", ("min", False): "below", ("max", True): "at most"}
        word = relation.get((side, passed), "above")
        return Observed(passed, f"{metric} is {value:.4g}, {word} {bound:.4g}", metric, value, limit)

    word = "at least" if side == "min" else "at most"
    return QualityCheck(
        f"{metric}_gate" if blocking else f"{metric}_check", blocking, f"{metric} is {word} {threshold}.", look
    )


def _severity(check: QualityCheck, seen: Observed, settings: Settings) -> str:
    """Return how grave a failure is: by its size where it has one, and never mild where it stops others."""
    found = severity_in(settings, seen.limit, seen.value) if seen.limit and seen.value is not None else None
    if not check.blocking:
        return found or "warning"
    return "critical" if found == "critical" else "error"


def _table(subject: Subject) -> pa.Table:
    if subject.table is None:
        message = "this check looks at a table, and the asset gave none; pass it to results() or evaluate()"
        raise ConfigurationError(message)
    return subject.table


def _as_table(value: object) -> pa.Table | None:
    """Return a table of any make as an Arrow table, ``None`` for everything else."""
    if isinstance(value, pa.Table):
        return value
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__"):
        return pa.table(value)
    return None
