"""Tells where histories are heading, and records the changes of level that are found in them.

Rules:
- Changes are looked for in the last 500 runs of each job (or the window, where that is longer), over all series that
  were asked for as one family; where a series is heading is told from its window alone.
- Recording looks at everything that has a better and a worse, whatever is asked to be shown, so that what is recorded
  does not depend on a filter.
- A series with a value that is no number is told as such and left out of the family; nothing is dropped from it.
- Worst first; then what is undecided, what is flat and what got better.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ledger.metrics import BUILT_IN, MetricRegistry
from ledger.projections.histories import Series, series_of
from ledger.report.trends import STANDINGS, SeriesTrend, TrendReport
from ledger.service.trends.change_log import Matched, matched, news_of, record, recorded_changes, stream_of
from ledger.service.trends.history import Asked, chosen_runs, read_histories
from ledger.service.trends.series_trend import Look, event_of, told
from ledger.stats import change_points_of_family
from ledger.store.protocol import LedgerStore, LedgerView

_JUDGED_KINDS: Final = ("time", "memory", "rate", "quality")


def judged_metrics(registry: MetricRegistry = BUILT_IN) -> tuple[str, ...]:
    """Return the metrics that are looked at where nobody names one: those that have a better and a worse."""
    return tuple(
        sorted(
            name for name, metric in registry.items() if metric.direction != "neutral" and metric.kind in _JUDGED_KINDS
        )
    )


def trends(store: LedgerStore, asked: Asked, registry: MetricRegistry = BUILT_IN) -> TrendReport:
    """Return where the histories that were asked for are heading; nothing is written.

    Raises:
        ConfigurationError: An asset, a metric or a job is not in the ledger.
    """
    return store.consult(lambda view: trends_of(view, asked, registry))


def trends_of(view: LedgerView, asked: Asked, registry: MetricRegistry = BUILT_IN) -> TrendReport:
    """Return the same of a view.

    Raises:
        ConfigurationError: As ``trends``.
    """
    return report_of(looked(view, asked, registry), asked)


def record_trends(store: LedgerStore, asked: Asked, registry: MetricRegistry = BUILT_IN) -> TrendReport:
    """Return the same after recording every change that the ledger does not have yet.

    Raises:
        ConfigurationError: As ``trends``.
        ConflictError: Another process recorded something else at the same time.
        StoreError: The medium refused.
    """
    everything = Asked(default_metrics=judged_metrics(registry))
    recorded = 0
    for look in store.consult(lambda view: looked(view, everything, registry)):
        events = {change.change_id: event_of(look, change) for change in look.changes if change.point is not None}
        news = news_of(look.series, look.changes, events)
        if news:
            record(store, look.series, news)
            recorded += len(news)
    return replace(trends(store, asked, registry), recorded=recorded)


def looked(view: LedgerView, asked: Asked, registry: MetricRegistry) -> list[Look]:
    """Return every series that was asked for, with its runs and its changes.

    Raises:
        ConfigurationError: As ``trends``.
    """
    asked = asked if asked.default_metrics else replace(asked, default_metrics=judged_metrics(registry))
    chosen = chosen_runs(view, asked)
    found = read_histories(view, asked, chosen)
    series = series_of(found)
    finite = {each.key: each.values for each in series if bool(np.isfinite(each.values).all())}
    family = change_points_of_family(finite)
    known = recorded_changes(view, chosen.since)
    notes = _splits(series, found.machines)
    looks = []
    for each in series:
        in_window = np.array([run_id in chosen.window for run_id in each.run_ids], dtype=np.bool_)
        points = family[each.key].points if each.key in family else ()
        changes: list[Matched] = matched(each, points, known.get(str(stream_of(each)), {}))
        metric = registry.get(each.metric)
        looks.append(
            Look(
                series=each,
                in_window=in_window,
                changes=tuple(changes),
                direction=metric.direction if metric else "neutral",
                machine=found.machines.get(each.machine, "a machine that nobody recorded"),
                notes=notes[each.key],
            )
        )
    return looks


def report_of(looks: Sequence[Look], asked: Asked) -> TrendReport:
    """Return what is shown: the series with runs in the window, worst first."""
    shown = [told(look) for look in looks if look.in_window.any()]
    ordered = tuple(sorted(shown, key=_urgency))
    unrecorded = sum(
        change.news for look in looks for change in look.changes if change.point is not None or change.recorded
    )
    return TrendReport(window=asked.window, series=ordered, unrecorded=unrecorded)


_HEADINGS: Final = {"degrading": 0, "step": 1, "improving": 1}


def _urgency(series: SeriesTrend) -> tuple[int, int, float, tuple[str, ...]]:
    """Return the place of a series in the report: what got worse most comes first, what got better most last."""
    size = abs(series.change_ratio or 0.0)
    key = (series.asset, series.partition or "", series.metric, series.machine_digest, series.config_digest)
    order = STANDINGS.index(series.standing)
    return (order, _HEADINGS.get(series.heading, 2), size if series.standing == "better" else -size, key)


def _splits(series: Sequence[Series], machines: Mapping[str, str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return for each series what is said of the others of the same asset and metric: why they are not the same."""
    groups: dict[tuple[str, str, str], list[Series]] = defaultdict(list)
    for each in series:
        groups[each.asset, each.partition or "", each.metric].append(each)
    return {
        each.key: tuple(_split(each, other, machines) for other in group if other is not each)
        for group in groups.values()
        for each in group
    }


def _split(series: Series, other: Series, machines: Mapping[str, str]) -> str:
    """Return the sentence on one other series of the same asset and metric."""
    what = []
    if other.machine != series.machine:
        what.append(f"machine class ({machines.get(other.machine, 'not recorded')})")
    if other.config_digest != series.config_digest:
        what.append(f"configuration ({other.config_digest[:12]})")
    number = len(other.run_ids)
    runs = f"{number} run{'' if number == 1 else 's'}"
    have = "has" if number == 1 else "have"
    return f"{runs} up to {other.run_ids[-1][:8]} {have} another {' and another '.join(what)} and {have} a series apart"
