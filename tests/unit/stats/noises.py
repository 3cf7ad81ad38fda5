"""Seeded histories for the tests of ``ledger.stats``; seeds below 1,000 are theirs alone."""

import numpy as np


def noise(seed: int, n: int, phi: float = 0.0, sigma: float = 0.05):
    """Return AR(1) noise of standard deviation ``sigma``, shape (n,)."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=n + 50)
    for at in range(1, n + 50):
        steps[at] += phi * steps[at - 1]
    return sigma * np.sqrt(1 - phi**2) * steps[50:]


def stepped(seed: int, n: int = 120, at: int = 60, ratio: float = 1.3, phi: float = 0.0, sigma: float = 0.05):
    """Return a history of level 10 that takes ``ratio`` times as much from ``at`` on."""
    return 10.0 * np.exp(noise(seed, n, phi, sigma) + np.log(ratio) * (np.arange(n) >= at))
