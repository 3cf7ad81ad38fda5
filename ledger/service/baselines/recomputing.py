"""Recomputes accepted values from the ledger: what a baseline says of a run must be what the run recorded.

Rules:
- A value that is another one in the ledger was altered. A run that the ledger does not hold is altered too where the
  ledger holds the checkpoint that the baseline names, or other runs of the same sample: then it should be there.
  Otherwise this ledger is not the one that the baseline was made from, and nothing can be said.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.baselines import Baseline, Discrepancy, MetricBaseline, recompute
from ledger.baselines.changing import GivenUp
from ledger.baselines.model import Checkpoint
from ledger.baselines.review import Refused
from ledger.events.checkpoint import Checkpoint as LedgerCheckpoint
from ledger.projections.samples import samples
from ledger.service.gate.comparability import facts_of
from ledger.service.reading.observing import Observed, observe
from ledger.store.protocol import EventQuery, LedgerStore, LedgerView, SealingStore


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What recomputing came to: what was altered, and which metrics the ledger at hand says nothing about."""

    refused: tuple[Refused, ...]
    unknown: tuple[str, ...]


def recompute_all(store: LedgerStore, baselines: Iterable[Baseline]) -> Recomputed:
    """Return what baselines say otherwise than the ledger.

    Args:
        store: The ledger.
        baselines: The baselines.

    Raises:
        StoreError: The ledger cannot be read.
    """
    held: dict[Checkpoint, bool] = {}

    def holds(checkpoint: Checkpoint | None) -> bool:
        if checkpoint is None:
            return False
        if checkpoint not in held:
            held[checkpoint] = _holds(store, checkpoint)
        return held[checkpoint]

    refused: list[Refused] = []
    unknown: list[str] = []
    for baseline in baselines:
        found, observed = store.consult(lambda view, one=baseline: _recompute(view, one))  # type: ignore[misc]
        for entry in baseline.metrics:
            own = [one for one in found if one.metric == entry.metric]
            name = _name(baseline, entry)
            if any(one.problem == "missing_run" for one in own) and not _should_hold(entry, observed, holds):
                unknown.append(name)
                own = [one for one in own if one.problem != "missing_run"]
            refused += [Refused("recomputed", name, one.sentence()) for one in own]
    return Recomputed(tuple(refused), tuple(unknown))


def _recompute(view: LedgerView, baseline: Baseline) -> tuple[tuple[Discrepancy, ...], Observed]:
    runs = tuple({run.run_id for entry in baseline.metrics for _, one in entry.samples() for run in one.runs})
    observed = observe(view, runs)
    known = observed.run_ids
    measured = samples(view.read(EventQuery(assets=(baseline.asset,), run_ids=known or ("",))))
    key = (baseline.asset, baseline.partition)
    facts = {run_id: facts_of(observed.circumstance(run_id, key), observed.machines) for run_id in known}
    return recompute(baseline, measured, facts), observed


def _should_hold(entry: MetricBaseline, observed: Observed, holds: Callable[[Checkpoint | None], bool]) -> bool:
    """Return whether the ledger should hold every run of a metric's samples."""
    known = set(observed.run_ids)
    for _, sample in entry.samples():
        missing = [run.run_id for run in sample.runs if run.run_id not in known]
        if missing and (len(missing) < len(sample.runs) or holds(sample.checkpoint)):
            return True
    return False


def _holds(store: LedgerStore, checkpoint: Checkpoint) -> bool:
    """Return whether the ledger contains a checkpoint."""
    if not isinstance(store, SealingStore):
        return False
    stands = store.checkpoint()
    if stands.size < checkpoint.size:
        return False
    expected = LedgerCheckpoint(stands.origin, checkpoint.size, checkpoint.root)
    return not store.verify(expected=expected, since=stands.size).problems


def _name(baseline: Baseline, entry: MetricBaseline) -> str:
    subject = (baseline.profile, baseline.asset, baseline.partition, entry.metric)
    return GivenUp(subject=subject, was="", becomes=None, loosenings=()).name
