"""Reads annotated histories in the format of the Turing Change Point Dataset (van den Burg and Williams 2020).

A directory holds ``annotations.json`` ({series: {annotator: [index, ...]}}, 0-based) and the series, anywhere below it,
as ``<series>.json`` with one-dimensional ``series[0].raw``. Public sets of performance histories come like that. None
is in this repository: their licences are their own.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.stats.simulated import Labelled


def read(directory: Path) -> Iterator[Labelled]:
    """Yield each annotated one-dimensional series of at least ten values; values that are missing are left out."""
    annotations = json.loads((directory / "annotations.json").read_text())
    files = {path.stem: path for path in sorted(directory.rglob("*.json"))}
    for name, by_annotator in sorted(annotations.items()):
        if name not in files:
            continue
        told = json.loads(files[name].read_text())
        if len(told.get("series", ())) != 1:
            continue
        raw = np.array([np.nan if each is None else each for each in told["series"][0]["raw"]], dtype=np.float64)
        kept = np.isfinite(raw)
        places = np.cumsum(kept) - 1
        marks = tuple(
            tuple(sorted({int(places[cut]) for cut in cuts if 0 < cut < raw.size})) for cuts in by_annotator.values()
        )
        if kept.sum() >= 10 and marks:
            yield Labelled(raw[kept], marks)
