"""Makes samples from what the ledger measured, and checks that a baseline still is what the ledger measured.

Rules:
- Measurements come as a table in the shape of ``ledger.projections.samples``; who reads it chooses the runs.
- A value that was accepted must be found again under its run, to the last written decimal. What is not, is told run by
  run: the run is missing, or its value, unit or rows differ. Nothing is repaired.
- Runs of different machines or configurations are no sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ledger.baselines.model import (
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Checkpoint,
    MetricBaseline,
    decimal_text,
    rounded,
    size_class_of,
)
from ledger.errors import ConfigurationError

Problem = Literal["missing_run", "several_values", "other_value", "other_unit", "other_rows", "other_circumstances"]

_ROWS: Final = ("rows_in", "rows_out")
"""What an asset's rows are: those it read, else those it made."""

_Found: TypeAlias = Mapping[tuple[str, str], Sequence[tuple[float, str]]]
"""Values and units by metric and run."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the ledger says of a run besides its measurements; fields as in ``AcceptedSample`` and ``AcceptedRun``."""

    machine_digest: str
    machine: str
    config_digest: str
    code_version: str | None = None
    dataset_id: str | None = None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One run whose accepted value is not what the ledger says.

    Attributes:
        metric: Name of the metric.
        sample: ``current`` or ``anchor``.
        run_id: The run.
        problem: What kind of difference it is.
        accepted: What the baseline holds, as text.
        found: What the ledger holds, as text; ``None`` where it holds nothing.
    """

    metric: str
    sample: str
    run_id: str
    problem: Problem
    accepted: str
    found: str | None = None

    def sentence(self) -> str:
        """Return it as one sentence."""
        place = f"{self.metric} ({self.sample}) of run {self.run_id}"
        if self.found is None:
            return f"{place}: the ledger has no value, the baseline has {self.accepted}"
        return f"{place}: {self.problem.replace('_', ' ')}: the ledger has {self.found}, the baseline {self.accepted}"


def accepted_sample(
    samples: pa.Table,
    metric: str,
    facts: Mapping[str, RunFacts],
    *,
    checkpoint: Checkpoint | None = None,
    label: str | None = None,
) -> AcceptedSample:
    """Return the sample that runs make.

    Args:
        samples: Measurements of one asset and partition (``metric``, ``value``, ``unit``, ``run_id``); left untouched.
        metric: The metric; each run has exactly one value of it.
        facts: What is known of each run, in the order the runs were made.
        checkpoint: Where in the ledger they are.
        label: What the sample is called.

    Raises:
        ConfigurationError: There are no runs, a run has no value or several, or the runs are not of one machine,
            configuration, data set and unit.
    """
    found = _found(samples, (metric, *_ROWS), tuple(facts))
    for run_id in facts:
        count = len(found.get((metric, run_id), ()))
        if count != 1:
            message = f"run {run_id} has {count} values of {metric}; a sample takes runs with exactly one"
            raise ConfigurationError(message)
    shared = {(fact.machine_digest, fact.machine, fact.config_digest, fact.dataset_id) for fact in facts.values()}
    units = {found[metric, run_id][0][1] for run_id in facts}
    if len(shared) != 1 or len(units) != 1:
        message = (
            f"{len(facts)} runs of {metric} are of {len(shared)} machines, configurations and data sets and of"
            f" {len(units)} units; take runs that are of one each"
        )
        raise ConfigurationError(message)
    ((machine_digest, machine, config_digest, dataset_id),) = shared
    runs = tuple(
        AcceptedRun(run_id, rounded(found[metric, run_id][0][0]), _rows(found, run_id), fact.code_version)
        for run_id, fact in facts.items()
    )
    size_class = size_class_of(tuple(run.rows for run in runs))
    return AcceptedSample(runs, machine_digest, machine, config_digest, dataset_id, size_class, checkpoint, label)


def recompute(
    baseline: Baseline, samples: pa.Table, facts: Mapping[str, RunFacts] | None = None
) -> tuple[Discrepancy, ...]:
    """Return every accepted value that the ledger does not confirm, in the order of the file; empty when all hold.

    Args:
        baseline: What was accepted.
        samples: Measurements (``asset``, ``partition``, ``metric``, ``value``, ``unit``, ``run_id``) that hold the
            named runs, others besides; left untouched.
        facts: What the ledger says of the runs; machine, configuration and code are compared when it is given, and a
            run that it lacks counts as missing.
    """
    own = samples.filter(pc.equal(samples.column("asset"), baseline.asset))
    partition = own.column("partition")
    of_partition = pc.is_null(partition) if baseline.partition is None else pc.equal(partition, baseline.partition)
    pairs = [(entry, which, sample) for entry in baseline.metrics for which, sample in entry.samples()]
    run_ids = tuple({run.run_id for _, _, sample in pairs for run in sample.runs})
    metrics = (*(entry.metric for entry in baseline.metrics), *_ROWS)
    found = _found(own.filter(of_partition), metrics, run_ids)
    return tuple(
        discrepancy
        for entry, which, sample in pairs
        for run in sample.runs
        for discrepancy in (
            *_of_values(entry, which, run, found),
            *_of_facts(entry, which, sample, run, facts),
        )
    )


def _of_values(entry: MetricBaseline, which: str, run: AcceptedRun, found: _Found) -> list[Discrepancy]:
    """Return how the measurements of a run differ from what was accepted."""
    values = found.get((entry.metric, run.run_id), ())
    accepted = decimal_text(run.value)
    if len(values) != 1:
        told = None if not values else ", ".join(decimal_text(value) for value, _ in values)
        problem: Problem = "several_values" if values else "missing_run"
        return [Discrepancy(entry.metric, which, run.run_id, problem, accepted, told)]
    ((value, unit),) = values
    rows = _rows(found, run.run_id)
    compared: tuple[tuple[Problem, str, str], ...] = (
        ("other_unit", entry.unit, unit),
        ("other_value", accepted, decimal_text(value)),
        ("other_rows", _shown(run.rows), _shown(rows)),
    )
    return [Discrepancy(entry.metric, which, run.run_id, *told) for told in compared if told[1] != told[2]]


def _of_facts(
    entry: MetricBaseline, which: str, sample: AcceptedSample, run: AcceptedRun, facts: Mapping[str, RunFacts] | None
) -> list[Discrepancy]:
    """Return how the circumstances of a run differ from what was accepted."""
    if facts is None:
        return []
    fact = facts.get(run.run_id)
    if fact is None:
        return [Discrepancy(entry.metric, which, run.run_id, "missing_run", f"machine {sample.machine_digest[:12]}")]
    compared = (
        ("machine", sample.machine_digest, fact.machine_digest),
        ("machine", sample.machine, fact.machine),
        ("configuration", sample.config_digest, fact.config_digest),
        ("code", _shown(run.code_version), _shown(fact.code_version)),
        ("data set", _shown(sample.dataset_id), _shown(fact.dataset_id)),
    )
    return [
        Discrepancy(entry.metric, which, run.run_id, "other_circumstances", f"{what} {accepted}", f"{what} {told}")
        for what, accepted, told in compared
        if accepted != told
    ]


def _found(samples: pa.Table, metrics: Sequence[str], run_ids: Sequence[str]) -> _Found:
    """Return the values and units of some metrics of some runs."""
    wanted = pc.and_(
        pc.is_in(samples.column("run_id"), pa.array(run_ids, pa.string())),
        pc.is_in(samples.column("metric"), pa.array(metrics, pa.string())),
    )
    columns = samples.filter(wanted).select(["metric", "run_id", "value", "unit"])
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for metric, run_id, value, unit in zip(*(column.to_pylist() for column in columns.columns), strict=True):
        found.setdefault((metric, run_id), []).append((value, unit))
    return found


def _rows(found: _Found, run_id: str) -> int | None:
    """Return the rows of a run, ``None`` where nobody counted."""
    values = next((found[name, run_id] for name in _ROWS if (name, run_id) in found), ())
    return int(values[0][0]) if values else None


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
