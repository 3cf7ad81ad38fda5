"""The two-sample tests: each asks whether the candidate is larger than the baseline.

Rules:
- A test is a function of two samples that returns a one-sided p in (0, 1]; its module says where it comes from.
- To add one: write ``stats/<name>.py`` and a line here; the suite over this registry then holds it to its promises.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from ledger.stats.evidence import odds_test
from ledger.stats.mann_whitney import FloatArray, mann_whitney
from ledger.stats.moderated_t import moderated_t

TwoSampleTest: TypeAlias = Callable[[FloatArray, FloatArray], float]

TESTS: Final[Mapping[str, TwoSampleTest]] = MappingProxyType(
    {
        "mann_whitney": mann_whitney,
        "moderated_t": moderated_t,
        "odds": odds_test,
    }
)
