"""A machine that is slow as a whole, told apart from code that is.

Rules:
- Two witnesses. *Assets*: of at least ten, 80 % or more moved one way, the median by more than 3 %. Each metric that
  ten assets have is looked at by itself, since other work on the machine lengthens wall time and leaves CPU time as it
  is; where none has so many, one shift of all times is looked at.
  *Probe*: a fixed workload timed in every run; its shift counts beyond 3 % and when its interval excludes none.
- Assets moved, and the probe moved with them: the machine. The common shift is taken out of times and rates.
- Assets moved, and the probe surely stood still (its interval excludes half of their shift): not the machine. Nothing
  is taken out; something that all assets share became slower.
- Assets moved and no probe was recorded, or it says neither: the shift is taken out; where it is beyond the
  limit itself the gate is inconclusive, since a slow machine and a slower shared library look the same.
- Too few assets to tell, and the probe moved: judged as measured and with the probe's shift taken out; where both do
  not agree the finding is inconclusive.
- Assets do not feel a busy machine alike. Once a common shift is taken out, an asset is only told apart from the others
  where it lies 3.5 times their scatter away, the outlier rule of Iglewicz and Hoaglin (1993) for the modified z-score.
- Many assets that did not move although the probe did do not depend on what it measures; nothing is taken out.
- Memory, quality and counts do not depend on how fast the machine is.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from ledger.stats.hodges_lehmann import Shift, shift_of
from ledger.stats.mann_whitney import middle_of
from ledger.stats.noise import NORMAL_MAD
from ledger.stats.pairs import Pair, limit_of_kind
from ledger.stats.records import EnvironmentShift, Observations, Policy

Handling: TypeAlias = Literal["leave", "take out", "both must agree", "doubt"]

EVERY_METRIC: Final = ""
OUTLIER: Final = 3.5
"""Modified z-score from which a value is an outlier: Iglewicz and Hoaglin (1993)."""
ALMOST: Final = 0.999_999
AGREEMENT: Final = 0.3
"""Probe and assets say the same where they differ by less than this share of the assets' shift, or by 3 %."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The common shift of one gate and what is to be done about it.

    Attributes:
        shifts: What is taken out, on logs, larger is slower; by metric, or for all times under ``EVERY_METRIC``.
        scatter: How far the assets scatter around it, on logs, under the same names; without it they were too few.
        handling: What to do with it.
        record: What is reported.
    """

    shifts: Mapping[str, float]
    scatter: Mapping[str, float]
    handling: Handling
    record: EnvironmentShift

    def shift_of(self, metric: str) -> float | None:
        """Return what is taken out of a metric, ``None`` where it did not move."""
        return self.shifts.get(metric, self.shifts.get(EVERY_METRIC))

    def explains(self, metric: str, estimate: float) -> bool:
        """Return whether what is left of a change (relative) lies within the scatter of the assets."""
        scatter = self.scatter.get(metric, self.scatter.get(EVERY_METRIC))
        return scatter is not None and abs(math.log1p(max(estimate, -ALMOST))) <= OUTLIER * scatter


def environment_of(pairs: Sequence[Pair], policy: Policy) -> Environment | None:
    """Return the common shift of the pairs, ``None`` without one.

    Args:
        pairs: All pairs against one baseline.
        policy: What counts as a shift.
    """
    timed = [pair for pair in pairs if follows_machine(pair)]
    groups = _groups(timed, policy)
    probe = _probe(timed, policy)
    small = math.log1p(policy.shift_min)
    moved = {name: shifts for name, shifts in groups.items() if _together(shifts, small, policy)}
    if moved:
        return _from_assets(moved, probe, policy)
    assets = max((len(shifts) for shifts in groups.values()), default=len(_asset_shifts(timed)))
    if probe is None or not _moved(probe, small):
        return None
    ratio = math.expm1(probe.estimate)
    handling: Handling = "leave" if assets >= policy.shift_assets else "both must agree"
    sentence = f"the machine probe took {ratio:+.1%} time" + (
        "; the assets did not move with it" if handling == "leave" else "; too few assets to confirm it"
    )
    record = EnvironmentShift(
        source="probe",
        shift_ratio=ratio,
        agreement=None,
        assets=assets,
        probe_ratio=ratio,
        confirmed=False,
        exceeds_limit=False,
        sentence=sentence,
    )
    return Environment({EVERY_METRIC: probe.estimate}, {}, handling, record)


def follows_machine(pair: Pair) -> bool:
    """Return whether a pair depends on how fast the machine is."""
    return pair.comparison.kind in ("time", "rate") and pair.scale == "log"


def _groups(timed: Sequence[Pair], policy: Policy) -> dict[str, list[float]]:
    """Return the shifts of the assets by metric, for metrics of enough assets; those of all times where none has."""
    by_metric: dict[str, list[Pair]] = defaultdict(list)
    for pair in timed:
        by_metric[pair.comparison.metric].append(pair)
    found = {name: _asset_shifts(own) for name, own in sorted(by_metric.items())}
    enough = {name: shifts for name, shifts in found.items() if len(shifts) >= policy.shift_assets}
    if enough:
        return enough
    pooled = _asset_shifts(timed)
    return {EVERY_METRIC: pooled} if len(pooled) >= policy.shift_assets else {}


def _together(shifts: Sequence[float], small: float, policy: Policy) -> bool:
    middle = float(np.median(shifts))
    return abs(middle) > small and _agreement(shifts, middle) >= policy.shift_agreement


def _agreement(shifts: Sequence[float], middle: float) -> float:
    return sum(shift * middle > 0.0 for shift in shifts) / len(shifts)


def _scatter(shifts: Sequence[float]) -> float:
    """Return the robust standard deviation of the shifts around their median (Hampel 1974)."""
    return NORMAL_MAD * float(np.median(np.abs(np.array(shifts) - np.median(shifts))))


def _asset_shifts(timed: Sequence[Pair]) -> list[float]:
    """Return one shift per asset: the median over its times, or over its rates where it has no times."""
    shifts: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for pair in timed:
        shift = middle_of(pair.candidate) - middle_of(pair.baseline)
        shifts[pair.comparison.key[:2]][pair.comparison.kind].append(shift)
    return [float(np.median(kinds.get("time") or kinds["rate"])) for kinds in shifts.values()]


def _probe(timed: Sequence[Pair], policy: Policy) -> Shift | None:
    """Return the shift of the machine probe on logs, ``None`` where it was not recorded often enough to tell."""
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for pair in timed:
        _collect(pair.observed, before)
        _collect(pair.comparison.candidate, after)
    if not before or not after:
        return None
    sides = [np.sort(np.log(np.array(list(side.values())))) for side in (before, after)]
    shift = shift_of(sides[0], sides[1], policy.confidence)
    return None if shift.lower is None else shift


def _moved(probe: Shift, least: float) -> bool:
    """Return whether the probe moved by more than ``least``, and not by chance."""
    chance = probe.lower is None or probe.upper is None or probe.lower <= 0.0 <= probe.upper
    return abs(probe.estimate) > least and not chance


def _stood_still(probe: Shift, most: float) -> bool:
    """Return whether the whole interval of the probe says that it moved by less than ``most``.

    That it did not move significantly is not enough: a probe as noisy as its machine never does.
    """
    return probe.lower is not None and probe.upper is not None and max(-probe.lower, probe.upper) < most


def _collect(side: Observations, into: dict[str, float]) -> None:
    """Add the probes of the runs; of several values of one run the least disturbed, the smallest, is kept."""
    for run, probe in zip(side.run_ids, side.probe_s, strict=False):
        if probe is not None and probe > 0.0 and math.isfinite(probe):
            into[run] = min(probe, into.get(run, probe))


def _from_assets(moved: Mapping[str, Sequence[float]], probe: Shift | None, policy: Policy) -> Environment:
    """Return what to do where assets moved together; the metric that moved most speaks for all."""
    shifts = {name: float(np.median(found)) for name, found in moved.items()}
    name = max(sorted(shifts), key=lambda one: abs(shifts[one]))
    shift, agreement, assets = shifts[name], _agreement(moved[name], shifts[name]), len(moved[name])
    small = math.log1p(policy.shift_min)
    beyond = abs(math.expm1(abs(shift))) > limit_of_kind("time", policy)
    near = max(small, AGREEMENT * abs(shift))
    confirmed = probe is not None and _moved(probe, small) and abs(probe.estimate - shift) <= near
    still = probe is not None and not confirmed and _stood_still(probe, max(small, abs(shift) / 2.0))
    of_metric = f" in {name}" if name else ""
    said = f"{agreement:.0%} of {assets} assets moved together{of_metric}, by {math.expm1(shift):+.1%}"
    handling: Handling
    if confirmed:
        handling, why = "take out", "the machine probe confirms it: the machine, not the code"
    elif still:
        handling, why = "leave", "the machine probe stood still: something they share, not the machine"
    elif beyond:
        handling, why = "doubt", "a slow machine and a slower shared library look the same; measure again"
    else:
        handling, why = "take out", "taken out as the machine's"
    record = EnvironmentShift(
        source="assets",
        shift_ratio=math.expm1(shift),
        agreement=agreement,
        assets=assets,
        probe_ratio=None if probe is None else math.expm1(probe.estimate),
        confirmed=confirmed,
        exceeds_limit=handling == "doubt",
        sentence=f"{said}; {why}",
    )
    return Environment(shifts, {one: _scatter(found) for one, found in moved.items()}, handling, record)
