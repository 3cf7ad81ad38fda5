"""Metrics as Prometheus reads them: the text format of node-exporter and the Pushgateway, and OpenMetrics 1.0.0.

Rules:
- ``prometheus_client`` writes both; what is exported is decided here. No label set occurs twice, since a scrape that
  repeats one is refused as a whole.
- What is not known is not there: never a zero in its place.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from ledger.report.monitoring import naming
from ledger.report.monitoring.naming import OF_METRIC, Family, label
from ledger.report.monitoring.state import AssetFigures, Exported

Form: TypeAlias = Literal["text", "openmetrics"]

CONTENT_TYPES: Final[dict[Form, str]] = {
    "text": CONTENT_TYPE_PLAIN_0_0_4,
    "openmetrics": openmetrics.CONTENT_TYPE_LATEST,
}
"""Form to what HTTP calls it."""

_OPENMETRICS: Final = "application/openmetrics-text"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""Values of the labels, and the value."""


class _Collected:
    """What ``prometheus_client`` calls a registry, with metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        """Take the metrics."""
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def exposition(exported: Exported, form: Form = "text") -> bytes:
    """Return the metrics in a form, UTF-8."""
    return written(families(exported), form)


def written(metrics: Iterable[Metric], form: Form) -> bytes:
    """Return metrics in a form, UTF-8."""
    write = openmetrics.generate_latest if form == "openmetrics" else generate_latest
    data: bytes = write(_Collected(metrics))
    return data


def form_of(accepted: str) -> Form:
    """Return the form that fits the ``Accept`` header of a request."""
    names = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    return "openmetrics" if _OPENMETRICS in names else "text"


def families(exported: Exported) -> Iterator[Metric]:
    """Yield every metric that has a value, in the order of ``FAMILIES``."""
    # Where two assets are told by one label set, the one that was made last is the one that is told.
    ordered = sorted(exported.assets, key=lambda one: one.state.succeeded or _NEVER)
    samples = {
        **_measured(ordered, frozenset(exported.quality)),
        **_compared(ordered),
        **_of_assets(ordered),
        **_of_checks(exported),
        **_of_ledger(exported),
    }
    for family in naming.FAMILIES.values():
        found = samples.get(family.name, [])
        if found:
            yield gauge(family, [(labels, value, None) for labels, value in dict(found).items()])


def gauge(family: Family, samples: Iterable[tuple[Sequence[str], float, float | None]]) -> Metric:
    """Return a family with its samples: values of the labels, value, and time in seconds since 1970."""
    metric = GaugeMetricFamily(family.name, family.meaning, labels=family.labels, unit=family.unit)
    for labels, value, timestamp_s in samples:
        metric.add_metric(labels, value, timestamp=timestamp_s)
    return metric


def _place(one: AssetFigures) -> tuple[str, str]:
    return label(one.state.pipeline), label(one.state.asset)


def _measured(assets: Sequence[AssetFigures], quality: frozenset[str]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for one in assets:
        for metric, (value, _) in sorted(one.state.values.items()):
            profile = label(one.profile)
            if metric in OF_METRIC:
                found.setdefault(OF_METRIC[metric].name, []).append(((*_place(one), profile), value))
            elif metric in quality:
                sample = (*_place(one), label(metric), profile), value
                found.setdefault(naming.QUALITY.name, []).append(sample)
    return found


def _compared(assets: Sequence[AssetFigures]) -> dict[str, list[Sample]]:
    accepted: list[Sample] = []
    ratios: list[Sample] = []
    lower: list[Sample] = []
    comparable: list[Sample] = []
    for one in assets:
        profile = label(one.profile)
        if one.comparable is not None:
            comparable.append(((*_place(one), profile), float(one.comparable)))
        for each in one.compared:
            labels = (*_place(one), label(each.metric), profile)
            accepted.append((labels, each.accepted))
            if each.ratio is not None:
                ratios.append((labels, each.ratio))
            if each.lower_ratio is not None:
                lower.append((labels, each.lower_ratio))
    return {
        naming.BASELINE.name: accepted,
        naming.REGRESSION.name: ratios,
        naming.REGRESSION_LOWER.name: lower,
        naming.COMPARABLE.name: comparable,
    }


def _of_assets(assets: Sequence[AssetFigures]) -> dict[str, list[Sample]]:
    states: list[Sample] = []
    successes: list[Sample] = []
    blocked: dict[str, set[str]] = {}
    for one in assets:
        pipeline, asset = _place(one)
        stopped = blocked.setdefault(pipeline, set())
        if one.state.blocked:
            stopped.add(asset)
        if one.state.ok is not None:
            states.append(((pipeline, asset), float(one.state.ok)))
        if one.state.succeeded is not None:
            successes.append(((pipeline, asset), one.state.succeeded.timestamp()))
    return {
        naming.ASSET_OK.name: states,
        naming.LAST_SUCCESS.name: successes,
        naming.BLOCKED.name: [((pipeline,), float(len(names))) for pipeline, names in sorted(blocked.items())],
    }


def _of_checks(exported: Exported) -> dict[str, list[Sample]]:
    states: list[Sample] = []
    thresholds: dict[tuple[str, ...], float] = {}
    for check in exported.standings.checks if exported.standings else ():
        place = label(check.pipeline), label(check.asset)
        states.append(((*place, label(check.check), label(check.severity)), float(check.passed)))
        if check.metric is not None and check.metric in exported.quality and check.threshold is not None:
            strictest = max if exported.quality[check.metric] else min
            key = (*place, label(check.metric))
            thresholds[key] = strictest(thresholds.get(key, check.threshold), check.threshold)
    return {naming.CHECK.name: states, naming.THRESHOLD.name: list(thresholds.items())}


def _of_ledger(exported: Exported) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    if exported.integrity.ok is not None:
        found[naming.INTEGRITY.name] = [((), float(exported.integrity.ok))]
    if exported.integrity.verified is not None:
        found[naming.VERIFIED.name] = [((), exported.integrity.verified.timestamp())]
    approved = exported.standings.approved if exported.standings else ()
    names = [(label(one.environment), one.expires) for one in approved]
    found[naming.READY.name] = [((name,), float(exported.at < expires)) for name, expires in names]
    found[naming.EXPIRY.name] = [((name,), expires.timestamp()) for name, expires in names]
    return found
