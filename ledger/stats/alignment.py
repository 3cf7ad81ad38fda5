"""Differences between runs that are known, taken out before runs are compared: the size of the data, recorded modes.

Rules:
- Rows within 5 % of each other are compared directly. Otherwise, where the baseline spans a factor of two in at least
  ten runs, values are brought to one size along a robust line through log(value) on log(rows); beyond 1.5 times the
  sizes that were seen that would be extrapolation and is refused.
- Without such a baseline, baseline runs of the candidate's size are used where there are three; otherwise the sides are
  not comparable.
- A stratum (cold or warm, a machine) is a recorded reason for two modes. Candidate runs are held against the baseline
  runs of their stratum; a stratum the baseline has not seen three times is refused.
- Quality does not depend on size in a way that a line could describe; only its strata are looked at.

Source: Theil 1950, Sen 1968 (the line: the median of all pairwise slopes).
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from ledger.stats.mann_whitney import FloatArray
from ledger.stats.records import Comparison, Observations, Policy

MIN_RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class Aligned:
    """Both sides after known differences were taken out.

    Attributes:
        baseline: 1-D float64, base unit.
        candidate: 1-D float64, base unit.
        notes: What was done, one sentence each.
    """

    baseline: FloatArray
    candidate: FloatArray
    notes: tuple[str, ...] = ()


def aligned(comparison: Comparison, observed: Observations, policy: Policy) -> Aligned | str:
    """Return both sides brought to one size and one stratum, or why that is not possible.

    Args:
        comparison: Admitted by ``admission.refusal``.
        observed: The baseline it is compared with.
        policy: Tolerances of size.
    """
    both = Aligned(
        np.asarray(observed.values, dtype=np.float64), np.asarray(comparison.candidate.values, dtype=np.float64)
    )
    rows = _rows(observed), _rows(comparison.candidate)
    strata = observed.strata
    if comparison.kind != "quality" and rows[0] is not None and rows[1] is not None:
        sized = _one_size(both, rows[0], rows[1], policy)
        if isinstance(sized, str):
            return sized
        both, used = sized
        strata = tuple(name for name, keep in zip(strata, used, strict=True) if keep) if strata else ()
    return _one_stratum(both, strata, comparison.candidate.strata, absolute=comparison.kind == "quality")


def _rows(side: Observations) -> FloatArray | None:
    """Return the rows of each run, ``None`` where they are not known of every run or one has none."""
    known = [float(rows) for rows in side.rows if rows is not None and rows > 0]
    return np.array(known) if known and len(known) == len(side.values) else None


def _one_size(
    both: Aligned, base_rows: FloatArray, rows: FloatArray, policy: Policy
) -> tuple[Aligned, list[bool]] | str:
    everything = [True] * base_rows.size
    largest, smallest = max(base_rows.max(), rows.max()), min(base_rows.min(), rows.min())
    if largest <= smallest * (1.0 + policy.rows_tolerance):
        return both, everything
    spans = base_rows.max() >= policy.rows_min_span * base_rows.min() and base_rows.size >= policy.rows_min_runs
    if not spans or min(both.baseline.min(), both.candidate.min()) <= 0.0:
        return _same_size(both, base_rows, rows, policy)
    if (
        rows.min() < base_rows.min() / policy.rows_extrapolation
        or rows.max() > base_rows.max() * policy.rows_extrapolation
    ):
        return (
            f"{rows.min():,.0f} to {rows.max():,.0f} rows are beyond the {base_rows.min():,.0f} to"
            f" {base_rows.max():,.0f} of the baseline; that would be extrapolation"
        )
    slope = _slope(np.log(base_rows), np.log(both.baseline))
    middle = float(np.median(np.log(rows)))
    note = f"brought to {np.exp(middle):,.0f} rows along value ~ rows^{slope:.2f}"
    return (
        Aligned(
            np.exp(np.log(both.baseline) - slope * (np.log(base_rows) - middle)),
            np.exp(np.log(both.candidate) - slope * (np.log(rows) - middle)),
            (*both.notes, note),
        ),
        everything,
    )


def _same_size(
    both: Aligned, base_rows: FloatArray, rows: FloatArray, policy: Policy
) -> tuple[Aligned, list[bool]] | str:
    middle = float(np.median(rows))
    tolerance = 1.0 + policy.rows_tolerance
    used = (base_rows <= middle * tolerance) & (base_rows >= middle / tolerance)
    alike = rows.max() <= middle * tolerance and rows.min() >= middle / tolerance
    if not alike or int(used.sum()) < MIN_RUNS:
        return (
            f"the candidate has {middle:,.0f} rows, the baseline {float(np.median(base_rows)):,.0f}, and too few sizes"
            " to tell how the metric depends on them"
        )
    note = f"compared with the {int(used.sum())} baseline runs of its size"
    return Aligned(both.baseline[used], both.candidate, (*both.notes, note)), [bool(keep) for keep in used]


def _slope(x: FloatArray, y: FloatArray) -> float:
    """Return the median of all pairwise slopes between different x."""
    first, second = np.triu_indices(x.size, 1)
    apart = x[first] != x[second]
    return float(np.median((y[second] - y[first])[apart] / (x[second] - x[first])[apart]))


def _one_stratum(
    both: Aligned, base_strata: tuple[str | None, ...], strata: tuple[str | None, ...], *, absolute: bool
) -> Aligned | str:
    if not base_strata or not strata or len({*base_strata, *strata}) == 1:
        return both
    groups: dict[str | None, list[float]] = defaultdict(list)
    for name, value in zip(base_strata, both.baseline, strict=True):
        groups[name].append(float(value))
    thin = sorted({str(name) for name in strata if len(groups.get(name, ())) < MIN_RUNS})
    if thin:
        return f"the baseline has fewer than {MIN_RUNS} runs that are {', '.join(thin)}, as candidate runs are"
    # Strata no candidate run is in say nothing about it.
    wanted = {name: float(np.median(groups[name])) for name in strata}
    if not absolute and min(wanted.values()) <= 0.0:
        return "the baseline's median is zero in a stratum"
    overall = float(np.median([value for name in wanted for value in groups[name]]))

    def moved(name: str | None, value: float) -> float:
        return value - wanted[name] + overall if absolute else value / wanted[name] * overall

    return Aligned(
        np.array(
            [moved(name, value) for name, value in zip(base_strata, both.baseline, strict=True) if name in wanted]
        ),
        np.array([moved(name, value) for name, value in zip(strata, both.candidate, strict=True)]),
        (*both.notes, f"compared within {', '.join(sorted(str(name) for name in wanted))}"),
    )
