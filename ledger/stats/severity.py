"""How grave a regression is.

Rules:
- With limit d: the lower bound of the worsening below ``error_from``·d is a warning, from there on an error, from
  ``critical_from``·d on critical. With the shipped multiples 1 and 2.5 that is +10 % and +25 % of time, +20 % and
  +50 % of memory, 2 and 5 percentage points of quality.
- Without a lower bound (too few runs for one) it is a warning.
"""

from ledger.stats.records import Policy, Severity


def severity_of(lower_bound: float | None, limit: float, policy: Policy) -> Severity:
    """Return how grave a regression is.

    Args:
        lower_bound: Lower end of the interval of the worsening, on the scale of ``limit``.
        limit: Largest tolerated worsening.
        policy: Holds the multiples.
    """
    # A bound that equals the multiple up to rounding reaches it: 1.25 / 1.0 - 1.0 is not exactly 2.5 * 0.1.
    slack = 1e-9
    if lower_bound is None or lower_bound < policy.error_from * limit - slack:
        return "warning"
    return "critical" if lower_bound >= policy.critical_from * limit - slack else "error"
