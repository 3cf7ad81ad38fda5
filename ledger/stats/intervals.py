"""Estimate and interval of a worsening that also hold where candidate runs are not quite independent.

Rules:
- The estimate is Hodges-Lehmann's. The interval is the hull of two: the inverted exact Mann-Whitney test, which holds
  in any independent noise, and estimate ± t·SE with a fifth of the variance shared by the candidate's runs, which the
  first knows nothing of (alone it covers 86 to 91 % in the mixture
  of noises, 63 to 80 % where half of the variance is shared).
- The variance is shrunk towards the family's median, with 4 degrees: the interval is no test and need not err on the
  side of noise.
- Without enough runs for the first there is none.
"""

from typing import Final

from ledger.stats.hodges_lehmann import Shift, shift_of
from ledger.stats.moderated_t import quantile, shrunk, standard_error
from ledger.stats.pairs import Pair

PRIOR_DF: Final = 4.0
SHARED: Final = 0.2


def shift_with_bounds(pair: Pair, family: float, confidence: float) -> Shift:
    """Return how far the candidate lies above the baseline.

    Args:
        pair: Both sides on their scale.
        family: Median variance of the family.
        confidence: Of the two-sided interval and of each one-sided bound, in (0, 1).
    """
    baseline, candidate = pair.baseline, pair.candidate
    exact = shift_of(baseline, candidate, confidence)
    variance = shrunk(pair.variance, baseline.size, family, PRIOR_DF)
    error = standard_error(variance, baseline.size, candidate.size, SHARED)
    degrees = PRIOR_DF + baseline.size - 1.0
    wide, narrow = quantile(0.5 + confidence / 2.0, degrees) * error, quantile(confidence, degrees) * error
    middle = exact.estimate
    return Shift(
        estimate=middle,
        lower=None if exact.lower is None else min(exact.lower, middle - wide),
        upper=None if exact.upper is None else max(exact.upper, middle + wide),
        upper_one_sided=None if exact.upper_one_sided is None else max(exact.upper_one_sided, middle + narrow),
        lower_one_sided=None if exact.lower_one_sided is None else min(exact.lower_one_sided, middle - narrow),
    )
