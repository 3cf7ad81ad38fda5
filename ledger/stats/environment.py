"""A machine that is slow as a whole, told apart from code that is.

Rules:
- Two witnesses. *Assets*: of at least ten, 80 % or more moved one way, the median by more than 3 %.
  *Probe*: a fixed workload timed in every run; its shift counts beyond 3 % and when its interval excludes none.
- Assets moved, and the probe moved with them: the machine. The common shift is taken out of times and rates.
- Assets moved, and the probe surely stood still (its interval excludes half of their shift): not the machine. Nothing
  is taken out; something that all assets share became slower.
- Assets moved and no probe was recorded, or it says neither: the shift is taken out; where it is beyond the
  limit itself the gate is inconclusive, since a slow machine and a slower shared library look the same.
- Too few assets to tell, and the probe moved: judged as measured and with the probe's shift taken out; where both do
  not agree the finding is inconclusive.
- Many assets that did not move although the probe did do not depend on what it measures; nothing is taken out.
- Memory, quality and counts do not depend on how fast the machine is.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from ledger.stats.hodges_lehmann import Shift, shift_of
from ledger.stats.mann_whitney import middle_of
from ledger.stats.pairs import Pair, limit_of_kind
from ledger.stats.records import EnvironmentShift, Observations, Policy

Handling: TypeAlias = Literal["leave", "take out", "both must agree", "doubt"]

AGREEMENT: Final = 0.3
"""Probe and assets say the same where they differ by less than this share of the assets' shift, or by 3 %."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The common shift of one gate and what is to be done about it.

    Attributes:
        shift: On logs, larger is slower; what is taken out.
        handling: What to do with it.
        record: What is reported.
    """

    shift: float
    handling: Handling
    record: EnvironmentShift


def environment_of(pairs: Sequence[Pair], policy: Policy) -> Environment | None:
    """Return the common shift of the pairs, ``None`` without one.

    Args:
        pairs: All pairs against one baseline.
        policy: What counts as a shift.
    """
    timed = [pair for pair in pairs if follows_machine(pair)]
    assets = _asset_shifts(timed)
    probe = _probe(timed, policy)
    small = math.log1p(policy.shift_min)
    if len(assets) >= policy.shift_assets:
        middle = float(np.median(assets))
        agreement = sum(shift * middle > 0.0 for shift in assets) / len(assets)
        if abs(middle) > small and agreement >= policy.shift_agreement:
            return _from_assets(middle, agreement, len(assets), probe, policy)
    if probe is None or not _moved(probe, small):
        return None
    ratio = math.expm1(probe.estimate)
    handling: Handling = "leave" if len(assets) >= policy.shift_assets else "both must agree"
    sentence = f"the machine probe took {ratio:+.1%} time" + (
        "; the assets did not move with it" if handling == "leave" else "; too few assets to confirm it"
    )
    record = EnvironmentShift(
        source="probe",
        shift_ratio=ratio,
        agreement=None,
        assets=len(assets),
        probe_ratio=ratio,
        confirmed=False,
        exceeds_limit=False,
        sentence=sentence,
    )
    return Environment(probe.estimate, handling, record)


def follows_machine(pair: Pair) -> bool:
    """Return whether a pair depends on how fast the machine is."""
    return pair.comparison.kind in ("time", "rate") and pair.scale == "log"


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


def _from_assets(shift: float, agreement: float, assets: int, probe: Shift | None, policy: Policy) -> Environment:
    small = math.log1p(policy.shift_min)
    beyond = abs(math.expm1(abs(shift))) > limit_of_kind("time", policy)
    near = max(small, AGREEMENT * abs(shift))
    confirmed = probe is not None and _moved(probe, small) and abs(probe.estimate - shift) <= near
    still = probe is not None and not confirmed and _stood_still(probe, max(small, abs(shift) / 2.0))
    moved = f"{agreement:.0%} of {assets} assets moved together, by {math.expm1(shift):+.1%}"
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
        sentence=f"{moved}; {why}",
    )
    return Environment(shift, handling, record)
