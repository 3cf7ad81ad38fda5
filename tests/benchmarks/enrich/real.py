"""How well real companies are matched by name alone: the assets of the pipeline, on the data that comes with it."""

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.defs import companies as pipeline


@dataclass(frozen=True, slots=True)
class Quality:
    """Match rate, and precision and recall over so many companies with an answer."""

    match_rate: float
    precision: float
    recall: float
    labelled: int


def by_name_alone(**settings: object) -> Quality:
    """Match every listed company by its name; the answer of a row is the registrant of its ticker.

    Args:
        settings: Settings that differ from the defaults.
    """
    with tempfile.TemporaryDirectory() as place, _settings(uri=f"{place}/ledger", output_dir=place, **settings):
        logging.disable(logging.CRITICAL)  # Dagster tells every step on the error stream.
        dg.materialize([pipeline.companies, pipeline.registrants, pipeline.name_matching])
        logging.disable(logging.NOTSET)
        report = json.loads((Path(place) / "quality" / "name_matching.json").read_text(encoding="utf-8"))
    return Quality(*(report[name] for name in ("match_rate", "precision", "recall", "labelled_rows")))


@contextmanager
def _settings(**values: object) -> Iterator[None]:
    """Set settings in the environment meanwhile."""
    before = dict(os.environ)
    os.environ.update({f"DAGSTER_LEDGER_{name.upper()}": str(value) for name, value in values.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
