"""Calibrates confidences on rows whose answer is known for nothing: those that an identifier links.

Rules:
- Names are matched on a sample of the rows that identifiers link, as if they had none. How often both agree tells how
  probable it is that an exact name, or a similarity, is right (``ledger.stats``); before, that was only believed.
- An identifier is right with ``IDENTIFIER_CONFIDENCE``, so that the name is not blamed for all disagreement.
- The sample is spread evenly over the source and does not depend on chunks. It is drawn, and everything fitted, once,
  before the first chunk; what was fitted is part of what the chunks are made by.
- What too few rows say something about keeps what was believed.
- The error is measured on rows that were not fitted on: each half of the sample judges what the other half says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.matching.match import EXACT_NAME_CONFIDENCE, IDENTIFIER_CONFIDENCE, MATCH_SCHEMA, match_range
from assets.matching.spec import MatchSpec
from ledger import stats
from ledger.events import Json

if TYPE_CHECKING:
    from ledger.stats import CalibrationMap

METHODS: Final = ("name_exact", "name_similar")
"""Methods that are calibrated."""

SAMPLE_ROWS: Final = 2_000
_BLOCKS: Final = 10
_BELIEVED: Final = {"name_exact": EXACT_NAME_CONFIDENCE}
"""A similarity is believed to be as probable as it is large."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How probable it is that links of each method are right.

    Attributes:
        maps: Method to the probabilities of its scores; a method that is missing keeps what was believed.
        labelled_rows: Method to rows of the sample that it linked, and an identifier as well.
        right_rows: Those of them in which both agreed.
        error: Mean gap between confidence and agreement over methods, weighted by rows, as each half of the sample
            finds it in the other; ``None`` where that is too small.
    """

    maps: "Mapping[str, CalibrationMap]" = field(default_factory=dict)
    labelled_rows: Mapping[str, int] = field(default_factory=dict)
    right_rows: Mapping[str, int] = field(default_factory=dict)
    error: float | None = None

    @property
    def parameters(self) -> dict[str, Json]:
        """What of it decides the confidences."""
        return {
            method: {"scores": found.scores, "probabilities": found.probabilities}
            for method, found in sorted(self.maps.items())
        }

    def applied(self, matches: pa.Table) -> pa.Table:
        """Return matches (``MATCH_SCHEMA``) with calibrated confidences; a pure function of each row."""
        methods = matches.column("method")
        column = matches.column("confidence")
        for method, found in self.maps.items():
            raw = pc.fill_null(matches.column("confidence"), 0.0).to_numpy()
            column = pc.if_else(pc.equal(methods, method), pa.array(found.of(raw), pa.float64()), column)
        place = MATCH_SCHEMA.get_field_index("confidence")
        return matches.set_column(place, MATCH_SCHEMA.field("confidence"), column)


UNCALIBRATED: Final = Calibration()


@dataclass(frozen=True, slots=True)
class _Labelled:
    """Rows that a method linked and an identifier as well: what the method scored, and whether both agreed."""

    scores: np.ndarray
    is_right: np.ndarray

    def half(self, number: int) -> "_Labelled":
        """Return every second row."""
        return _Labelled(self.scores[number::2], self.is_right[number::2])


def sample_ranges(rows: int) -> list[tuple[int, int]]:
    """Return the rows of a source that are looked at: all of a small one, else blocks spread evenly over it."""
    if rows <= SAMPLE_ROWS:
        return [(0, rows)] if rows else []
    size = SAMPLE_ROWS // _BLOCKS
    starts = [(rows - size) * number // (_BLOCKS - 1) for number in range(_BLOCKS)]
    return [(start, start + size) for start in starts]


def calibrate(connection: duckdb.DuckDBPyConnection, sample: pa.Table, spec: MatchSpec) -> Calibration:
    """Return how probable it is that links of each method of a matcher are right.

    Args:
        connection: With a registry prepared by ``prepare_registry``.
        sample: Rows of the source, as ``match_range`` takes them; left untouched.
        spec: How the source is matched.
    """
    if not spec.identifiers or spec.name_column is None or sample.num_rows == 0:
        return UNCALIBRATED
    answered = match_range(connection, sample, 0, sample.num_rows, replace(spec, name_column=None))
    known = pc.is_valid(answered.column("key"))
    rows = sample.filter(known)
    named = match_range(connection, rows, 0, rows.num_rows, replace(spec, identifiers=()))
    labelled = _labelled(named, answered.filter(known).column("key"))
    found = {method: _map(method, cases) for method, cases in labelled.items()}
    return Calibration(
        maps={method: one for method, one in found.items() if one is not None},
        labelled_rows={method: len(cases.scores) for method, cases in labelled.items()},
        right_rows={method: int(cases.is_right.sum()) for method, cases in labelled.items()},
        error=_error(labelled),
    )


def _labelled(named: pa.Table, answers: pa.ChunkedArray) -> dict[str, _Labelled]:
    """Return what each method scored and whether it agreed with the identifier, in the order of rows."""
    agrees = pc.cast(pc.equal(named.column("key"), answers), pa.float64())
    found = {}
    for method in METHODS:
        chosen = pc.equal(named.column("method"), method)
        scores = named.column("confidence").filter(chosen).to_numpy()
        found[method] = _Labelled(scores, agrees.filter(chosen).to_numpy())
    return found


def _map(method: str, cases: _Labelled) -> "CalibrationMap | None":
    """Return the probabilities of a method's scores."""
    if not len(cases.scores):
        return None
    believed = _BELIEVED.get(method, float(np.mean(cases.scores)))
    return stats.calibration_map(cases.scores, cases.is_right, believed=believed, answers_right=IDENTIFIER_CONFIDENCE)


def _error(labelled: Mapping[str, _Labelled]) -> float | None:
    """Return the calibration error of each half of the sample in the other, over both."""
    gaps, rows = 0.0, 0
    for method, cases in labelled.items():
        for fitted_on, judged_on in ((cases.half(0), cases.half(1)), (cases.half(1), cases.half(0))):
            found = _map(method, fitted_on)
            if found is None or not len(judged_on.scores):
                continue
            expected = float(found.of(judged_on.scores).sum()) * IDENTIFIER_CONFIDENCE
            gaps += abs(expected - float(judged_on.is_right.sum()))
            rows += len(judged_on.scores)
    return gaps / rows if rows else None
