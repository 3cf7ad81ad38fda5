"""Writes baselines: the same baseline, the same bytes.

Rules:
- Sorted keys, LF, a final newline, two blanks of indentation, a line per run. Decimals are text of at most six places.
- Nothing at the top of the file changes when a metric does. Two changes of different metrics merge without a conflict.
- Each metric's entry carries a digest over itself and what it belongs to. It finds what was edited by hand; who makes
  it fit again is found by recomputing the values from the ledger (``recompute``).
- How many, median and deviation stand there for people who review; nobody reads them back without checking.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ledger.baselines.model import (
    CHANGE_KINDS,
    LARGEST,
    SCHEMA_VERSION,
    AcceptedRun,
    AcceptedSample,
    Baseline,
    MetricBaseline,
    decimal_text,
    rounded,
)
from ledger.errors import ConfigurationError
from ledger.metrics import DIRECTIONS
from ledger.units import UNITS

_INDENT: Final = "  "


def write(baseline: Baseline) -> str:
    """Return the text of a baseline's file.

    Raises:
        ConfigurationError: The baseline cannot be: no runs, a run twice, a number that is not finite or not rounded,
            metrics out of order, an unknown unit, direction or kind of change.
    """
    problem = next(iter(_problems(baseline)), None)
    if problem is not None:
        message = f"the baseline of {baseline.asset!r} cannot be written: {problem}"
        raise ConfigurationError(message)
    document = {
        **_identity(baseline),
        "metrics": {entry.metric: _entry(baseline, entry) for entry in baseline.metrics},
    }
    return _pretty(document, "") + "\n"


def entry_digest(baseline: Baseline, entry: MetricBaseline) -> str:
    """Return the digest (SHA-256, hex) of a metric's entry and what it belongs to.

    Args:
        baseline: Gives asset, partition and profile; its other metrics do not count.
        entry: The metric.
    """
    told = {**_identity(baseline), "metric": entry.metric, "entry": _fields(entry)}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(baseline: Baseline) -> dict[str, Any]:
    """Return what never changes in a file."""
    return {
        "asset": baseline.asset,
        "partition": baseline.partition,
        "profile": baseline.profile,
        "schema": SCHEMA_VERSION,
    }


def _entry(baseline: Baseline, entry: MetricBaseline) -> dict[str, Any]:
    return {**_fields(entry), "digest": entry_digest(baseline, entry)}


def _fields(entry: MetricBaseline) -> dict[str, Any]:
    """Return a metric's entry as JSON values, without its digest."""
    return {
        "anchor": None if entry.anchor is None else _sample(entry.anchor),
        "change": {"kind": entry.change.kind, "reason": entry.change.reason},
        "current": _sample(entry.current),
        "direction": entry.direction,
        "floor": None if entry.floor is None else decimal_text(entry.floor),
        "limit": None if entry.limit is None else decimal_text(entry.limit),
        "supersedes": entry.supersedes,
        "unit": entry.unit,
    }


def _sample(sample: AcceptedSample) -> dict[str, Any]:
    checkpoint = sample.checkpoint
    return {
        "checkpoint": None if checkpoint is None else {"root": checkpoint.root, "size": checkpoint.size},
        "config_digest": sample.config_digest,
        "dataset_id": sample.dataset_id,
        "label": sample.label,
        "machine": sample.machine,
        "machine_digest": sample.machine_digest,
        "mad": decimal_text(sample.mad),
        "median": decimal_text(sample.median),
        "n": len(sample.runs),
        "runs": [_run(run) for run in sample.runs],
        "size_class": sample.size_class,
    }


def _run(run: AcceptedRun) -> dict[str, Any]:
    return {
        "code_version": run.code_version,
        "rows": run.rows,
        "run_id": run.run_id,
        "value": decimal_text(run.value),
    }


def _pretty(value: object, margin: str) -> str:
    """Return a JSON value over lines; what lies in a list is a line each."""
    inner = margin + _INDENT
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{_inline(key)}: {_pretty(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + _inline(item) for item in value) + f"\n{margin}]"
    return _inline(value)


def _inline(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _problems(baseline: Baseline) -> list[str]:
    """Return what keeps a baseline from being written, one sentence each."""
    names = [entry.metric for entry in baseline.metrics]
    found = [] if names == sorted(set(names)) else ["its metrics are not sorted by name, each once"]
    found += [f"{text!r} is no text that can be stored" for text in _texts(baseline) if not _is_storable(text)]
    for entry in baseline.metrics:
        known = (
            (entry.unit, UNITS, "unit"),
            (entry.direction, DIRECTIONS, "direction"),
            (entry.change.kind, CHANGE_KINDS, "kind of change"),
        )
        found += [f"{entry.metric} has the unknown {what} {word!r}" for word, words, what in known if word not in words]
        numbers = [value for value in (entry.limit, entry.floor) if value is not None]
        for which, sample in entry.samples():
            numbers += sample.values
            found += [f"{entry.metric}/{which} {problem}" for problem in _sample_problems(sample)]
        found += [
            f"{entry.metric} holds {value!r}, which is not below 10^18 and rounded; use rounded()"
            for value in numbers
            if not (abs(value) < LARGEST and rounded(value) == value)
        ]
    return found


def _texts(baseline: Baseline) -> Iterator[str]:
    """Yield every text of a baseline."""
    yield from (baseline.asset, baseline.profile, *_given(baseline.partition))
    for entry in baseline.metrics:
        yield from (entry.metric, entry.change.reason, *_given(entry.supersedes))
        for _, sample in entry.samples():
            yield from (sample.machine_digest, sample.machine, sample.config_digest)
            yield from _given(sample.dataset_id, sample.size_class, sample.label)
            yield from _given(sample.checkpoint.root if sample.checkpoint else None)
            for run in sample.runs:
                yield from (run.run_id, *_given(run.code_version))


def _given(*texts: str | None) -> list[str]:
    return [text for text in texts if text is not None]


def _is_storable(text: str) -> bool:
    """Return whether a text is not empty and has no half characters, which UTF-8 cannot spell."""
    return bool(text) and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _sample_problems(sample: AcceptedSample) -> list[str]:
    """Return what is wrong with the runs of a sample."""
    runs = [run.run_id for run in sample.runs]
    found = [] if runs else ["has no runs"]
    return found + [f"names run {run!r} twice" for run in sorted(set(runs)) if runs.count(run) > 1]
