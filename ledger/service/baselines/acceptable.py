"""Tells whether runs may be accepted as a baseline, and what accepting them would give up.

Rules:
- A sample is of one machine, one set of packages, one configuration and one data set, a process per run.
- Too few runs, values that are too far apart, and a change of level among them are no state to accept.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ledger.baselines import AcceptedSample, MetricBaseline, RunFacts
from ledger.baselines.drift import overdrawn, too_spread
from ledger.baselines.loosening import of_entry
from ledger.baselines.model import ChangeKind
from ledger.service.gate.comparability import UNRECORDED
from ledger.service.gate.policy import allowance_of
from ledger.service.reading.observing import Key, Observed, Series
from ledger.settings import RegressionSettings

_LEAST_FOR_CHANGES: Final = 10
"""Fewer values show no change point that could be told from noise."""

_LOOSER: Final = frozenset({"median", "runs", "unit", "anchor_median", "anchor_runs"})
"""What is loosened by a worse or a smaller sample; other circumstances rebase."""


def no_sample(observed: Observed, key: Key, facts: Sequence[RunFacts], runs: tuple[str, ...]) -> str | None:
    """Return why runs are no sample of an asset, ``None`` where they are."""
    if not facts or facts[0].machine == UNRECORDED or facts[0].config_digest == UNRECORDED:
        return f"the runs of {key[0]} did not record their machine and configuration, so nothing can be held to them"
    if len(facts) > 1:
        machines = sorted({fact.machine for fact in facts})
        what = f"machines ({'; '.join(machines)})" if len(machines) > 1 else "configurations or sets of packages"
        return f"the runs of {key[0]} are of several {what}; narrow them with --last, --since, --commit or --run"
    shared = [
        process
        for process, count in Counter(observed.circumstance(run_id, key).process for run_id in runs).items()
        if process is not None and count > 1
    ]
    if shared:
        return f"runs of {key[0]} share a process, so they are no independent values; start a process per run"
    return None


def problems_of(
    series: Series,
    entry: MetricBaseline,
    given_up: Sequence[str],
    settings: RegressionSettings,
    *,
    few: bool,
    loosen: bool,
) -> list[str]:
    """Return why a sample is not accepted, one sentence each."""
    name, sample = f"{series.metric} of {series.asset}", entry.current
    found = []
    if len(sample.runs) < settings.min_baseline_runs and not few:
        found.append(
            f"{name} has {len(sample.runs)} runs, a baseline has at least {settings.min_baseline_runs}; make more with"
            " `dagster-ledger run --runs`, or accept few with --few"
        )
    if given_up and not loosen:
        told = ", ".join(given_up)
        found.append(f"{name} would be loosened ({told}, in {series.unit}); say so with --loosen, the reason is kept")
    cv = too_spread(sample, series.unit, allowance_of(settings))
    if cv is not None:
        found.append(
            f"{name} varies too much (coefficient of variation {cv:.2f}, at most {settings.max_baseline_cv:g}); make"
            " the runs on a quieter machine, or set regression.max_baseline_cv"
        )
    changed = _changed_at(series)
    if changed is not None:
        found.append(f"{name} changed at run {changed[:8]}; take the runs from there on with --since or --last")
    return found


def looser(before: MetricBaseline, entry: MetricBaseline, settings: RegressionSettings) -> list[str]:
    """Return what a new entry gives up that is not only measured under other circumstances."""
    found = [one for one in of_entry(before, entry) if one.code in _LOOSER]
    drifted = overdrawn(before, entry, allowance_of(settings))
    return [one.what for one in (*found, *((drifted,) if drifted else ()))]


def _changed_at(series: Series) -> str | None:
    """Return the run at which a series changed for good, ``None`` where it did not."""
    from ledger.stats import change_points  # noqa: PLC0415 - brings scipy

    if len(series.values) < _LEAST_FOR_CHANGES or len(set(series.values)) == 1:
        return None
    found = [point for point in change_points(series.values) if not point.provisional]
    return series.run_ids[found[-1].index] if found else None


def kind_of(before: MetricBaseline | None, sample: AcceptedSample) -> ChangeKind:
    """Return the kind of a change that gives nothing up."""
    if before is None:
        return "establish"
    old = before.current
    same = (old.machine_digest, old.config_digest, old.dataset_id) == (
        sample.machine_digest,
        sample.config_digest,
        sample.dataset_id,
    )
    return "tighten" if same else "rebase-profile"
