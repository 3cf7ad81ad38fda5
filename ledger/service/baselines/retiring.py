"""Retires metrics: they are judged no more, and their entries stay to say so.

Rules:
- What was accepted last stays in the entry, with kind ``retire`` and the reason. It gives up the metric, so it needs a
  waiver as every loosening does.
- Proposing the metric again brings it back, held to what was accepted last.
"""

from dataclasses import replace

from ledger.baselines import Change, MetricBaseline, entry_digest, relative_path
from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.baselines.proposing import Changed, Proposed, proposed_of
from ledger.settings import RegressionSettings


def retire(
    accepted: AcceptedBaselines,
    asset: str,
    metric: str | None,
    reason: str,
    settings: RegressionSettings,
    base: AcceptedBaselines | None = None,
) -> Proposed:
    """Return the baselines in which a metric of an asset, or all of them, are retired, on every kind of machine.

    Args:
        accepted: What the work tree has.
        asset: The asset.
        metric: The metric; all when ``None``.
        reason: Why, one sentence.
        settings: The regression gate's settings.
        base: What the protected branch had accepted, where it is known; see ``propose``.

    Raises:
        ConfigurationError: The asset has no such baseline, or nothing is left to retire.
    """
    own = [one for one in accepted.all() if one.asset == asset]
    if not own:
        known = {one.asset for one in accepted.all()}
        raise ConfigurationError(no_such("baseline of asset", asset, known, f"in {accepted.where}"))
    metrics = {entry.metric for one in own for entry in one.metrics}
    if metric is not None and metric not in metrics:
        raise ConfigurationError(no_such("metric", metric, metrics, f"in the baselines of {asset}"))
    made = []
    found: list[Changed] = []
    for baseline in own:
        held = base.at(relative_path(baseline.asset, baseline.profile, baseline.partition)) if base else baseline
        entries: list[MetricBaseline] = []
        for entry in baseline.metrics:
            if entry.is_retired or metric not in {None, entry.metric}:
                entries.append(entry)
                continue
            former = held.metric(entry.metric) if held is not None else None
            digest = None if former is None else entry_digest(baseline, former)
            entries.append(replace(entry, change=Change("retire", reason), supersedes=digest))
            found.append(
                Changed(
                    asset=baseline.asset,
                    partition=baseline.partition,
                    metric=entry.metric,
                    unit=entry.unit,
                    change="retire",
                    before=entry.current,
                    after=entry.current,
                )
            )
        made.append(replace(baseline, metrics=tuple(entries)))
    if not found:
        message = f"nothing of {asset} is left to retire; see `dagster-ledger baseline show {asset}`"
        raise ConfigurationError(message)
    return proposed_of(made, found, accepted if base is None else base, settings)
