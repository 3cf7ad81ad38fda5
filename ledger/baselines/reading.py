"""Reads baselines strictly: exactly what ``write`` writes, or an error that names file and line.

Rules:
- No field is unknown, missing or of another type; no other schema version is guessed at.
- Count, median, deviation and digest must be those of the values that stand beside them.
- A file in any other spelling is refused: what people review must be what is compared.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ledger.baselines.errors import BaselineAlteredError
from ledger.baselines.located import Node, as_text, failure, parse
from ledger.baselines.model import (
    CHANGE_KINDS,
    SCHEMA_VERSION,
    AcceptedRun,
    AcceptedSample,
    Baseline,
    Change,
    Checkpoint,
    MetricBaseline,
    decimal_text,
)
from ledger.baselines.writing import entry_digest, write
from ledger.errors import ConfigurationError
from ledger.metrics import DIRECTIONS
from ledger.names import did_you_mean
from ledger.units import UNITS

Word = TypeVar("Word", bound=str)

_FILE: Final = ("asset", "metrics", "partition", "profile", "schema")
_ENTRY: Final = ("anchor", "change", "current", "digest", "direction", "floor", "limit", "supersedes", "unit")
_SAMPLE: Final = (
    *("checkpoint", "config_digest", "dataset_id", "label", "machine", "machine_digest"),
    *("mad", "median", "n", "runs", "size_class"),
)
_RUN: Final = ("code_version", "rows", "run_id", "value")
_DECIMAL: Final = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,6})?")


def read(data: str | bytes, where: str) -> Baseline:
    """Return the baseline that a file holds.

    Args:
        data: The file's content; bytes are taken for UTF-8.
        where: Name of the file, for messages.

    Raises:
        BaselineFormatError: It is no baseline file of this version.
        BaselineAlteredError: Its values are not the ones that its digests and figures were made from.
    """
    reader = _Reader(where)
    document = parse(data, where)
    reader.version(document)
    fields = reader.object(document, "the file", _FILE)
    entries = fields["metrics"].value
    if not isinstance(entries, dict):
        raise failure(where, fields["metrics"].line, "metrics is no object; correct the file")
    read_entries = {name: reader.entry(name, node) for name, node in entries.items()}
    baseline = Baseline(
        asset=reader.text(fields["asset"], "asset"),
        profile=reader.text(fields["profile"], "profile"),
        metrics=tuple(read_entries[name] for name in sorted(read_entries)),
        partition=reader.optional_text(fields["partition"], "partition"),
    )
    for entry in baseline.metrics:
        reader.check_digest(baseline, entry, entries[entry.metric])
    _check_spelling(baseline, as_text(data, where), where)
    return baseline


def _check_spelling(baseline: Baseline, text: str, where: str) -> None:
    """Raise at the first line that ``write`` would write otherwise."""
    try:
        expected = write(baseline)
    except ConfigurationError as error:
        raise failure(where, 1, str(error)) from error
    if text == expected:
        return
    pairs = zip(_lines(text), _lines(expected), strict=False)
    line = next((number for number, (found, wanted) in enumerate(pairs, 1) if found != wanted), text.count("\n") + 1)
    raise failure(
        where, line, "the file is not spelled as it is written; write it anew with `baseline propose --write`"
    )


def _lines(text: str) -> Sequence[str]:
    return text.split("\n")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads parts of one file, whose name is in every message."""

    where: str

    def version(self, document: Node) -> None:
        """Raise unless the file says that it is of this version; looked at first, for all else depends on it."""
        schema = document.value.get("schema") if isinstance(document.value, dict) else None
        if schema is None:
            raise failure(self.where, document.line, f"the file has no schema; a baseline has schema {SCHEMA_VERSION}")
        if type(schema.value) is not int or schema.value != SCHEMA_VERSION:
            said = f"schema is {_shown(schema)}, this version reads {SCHEMA_VERSION}; install the version that wrote it"
            raise failure(self.where, schema.line, said)

    def entry(self, name: str, node: Node) -> MetricBaseline:
        """Return a metric's entry."""
        fields = self.object(node, f"metric {name}", _ENTRY)
        change = self.object(fields["change"], f"{name}.change", ("kind", "reason"))
        anchor = fields["anchor"]
        return MetricBaseline(
            metric=name,
            unit=self.word(fields["unit"], f"{name}.unit", UNITS),
            direction=self.word(fields["direction"], f"{name}.direction", DIRECTIONS),
            current=self.sample(fields["current"], f"{name}.current"),
            change=Change(
                self.word(change["kind"], f"{name}.change.kind", CHANGE_KINDS),
                self.text(change["reason"], f"{name}.change.reason"),
            ),
            anchor=None if anchor.value is None else self.sample(anchor, f"{name}.anchor"),
            limit=self.optional_number(fields["limit"], f"{name}.limit"),
            floor=self.optional_number(fields["floor"], f"{name}.floor"),
            supersedes=self.optional_text(fields["supersedes"], f"{name}.supersedes"),
        )

    def sample(self, node: Node, path: str) -> AcceptedSample:
        """Return a sample, its figures checked against its values."""
        fields = self.object(node, path, _SAMPLE)
        runs = fields["runs"].value
        if not isinstance(runs, list) or not runs:
            raise failure(self.where, fields["runs"].line, f"{path}.runs is no list of runs; a sample has at least one")
        sample = AcceptedSample(
            runs=self.runs(runs, f"{path}.runs"),
            machine_digest=self.text(fields["machine_digest"], f"{path}.machine_digest"),
            machine=self.text(fields["machine"], f"{path}.machine"),
            config_digest=self.text(fields["config_digest"], f"{path}.config_digest"),
            dataset_id=self.optional_text(fields["dataset_id"], f"{path}.dataset_id"),
            size_class=self.optional_text(fields["size_class"], f"{path}.size_class"),
            checkpoint=self.checkpoint(fields["checkpoint"], f"{path}.checkpoint"),
            label=self.optional_text(fields["label"], f"{path}.label"),
        )
        figures = (("n", len(sample.runs)), ("median", decimal_text(sample.median)), ("mad", decimal_text(sample.mad)))
        for name, right in figures:
            if fields[name].value != right or isinstance(fields[name].value, bool):
                said = f"{path}.{name} is {_shown(fields[name])}, but the runs beside it give {right!r}"
                raise self.altered(fields[name], said)
        return sample

    def runs(self, nodes: Iterable[Node], path: str) -> tuple[AcceptedRun, ...]:
        """Return the runs of a sample."""
        found: dict[str, int] = {}
        runs = []
        for node in nodes:
            fields = self.object(node, path, _RUN)
            run_id = self.text(fields["run_id"], f"{path}.run_id")
            if run_id in found:
                raise failure(self.where, node.line, f"run {run_id!r} is already there at line {found[run_id]}")
            found[run_id] = node.line
            value = self.optional_number(fields["value"], f"{path}.value")
            if value is None:
                raise failure(self.where, node.line, f"run {run_id!r} has no value; leave the run away")
            runs.append(
                AcceptedRun(
                    run_id=run_id,
                    value=value,
                    rows=None if fields["rows"].value is None else self.whole(fields["rows"], f"{path}.rows"),
                    code_version=self.optional_text(fields["code_version"], f"{path}.code_version"),
                )
            )
        return tuple(runs)

    def checkpoint(self, node: Node, path: str) -> Checkpoint | None:
        """Return a checkpoint, or ``None``."""
        if node.value is None:
            return None
        fields = self.object(node, path, ("root", "size"))
        return Checkpoint(self.whole(fields["size"], f"{path}.size"), self.text(fields["root"], f"{path}.root"))

    def check_digest(self, baseline: Baseline, entry: MetricBaseline, node: Node) -> None:
        """Raise where an entry is not the one its digest was made from."""
        digest = self.object(node, entry.metric, _ENTRY)["digest"]
        if digest.value != entry_digest(baseline, entry):
            said = f"the digest of {entry.metric} does not fit its entry, so the entry was edited or moved by hand"
            raise self.altered(digest, said)

    def object(self, node: Node, path: str, names: Sequence[str]) -> dict[str, Node]:
        """Return the fields of an object that has exactly these."""
        if not isinstance(node.value, dict):
            raise failure(self.where, node.line, f"{path} is no object; correct the file")
        for name, field in node.value.items():
            if name not in names:
                meant = did_you_mean(name, names)
                hint = f"; did you mean {meant!r}?" if meant else f"; it has {', '.join(names)}"
                raise failure(self.where, field.line, f"{path} has no field {name!r}{hint}")
        for name in names:
            if name not in node.value:
                raise failure(self.where, node.line, f"{path} lacks the field {name!r}")
        return node.value

    def text(self, node: Node, path: str) -> str:
        """Return a text that is not empty."""
        if not isinstance(node.value, str) or not node.value:
            raise failure(self.where, node.line, f"{path} is {_shown(node)}; give it a text")
        return node.value

    def optional_text(self, node: Node, path: str) -> str | None:
        """Return a text, or ``None``."""
        return None if node.value is None else self.text(node, path)

    def word(self, node: Node, path: str, words: Iterable[Word]) -> Word:
        """Return one of a closed list of words."""
        found = next((word for word in words if word == node.value), None)
        if found is None:
            raise failure(self.where, node.line, f"{path} is {_shown(node)}; choose one of {', '.join(sorted(words))}")
        return found

    def optional_number(self, node: Node, path: str) -> float | None:
        """Return a decimal that is written as text, or ``None``."""
        if node.value is None:
            return None
        if not isinstance(node.value, str) or not _DECIMAL.fullmatch(node.value):
            raise failure(self.where, node.line, f"{path} is {_shown(node)}; write it as a decimal in quotes")
        return float(node.value)

    def whole(self, node: Node, path: str) -> int:
        """Return a whole number that is not negative."""
        if type(node.value) is not int or node.value < 0:
            raise failure(self.where, node.line, f"{path} is {_shown(node)}; give it a whole number")
        return node.value

    def altered(self, node: Node, said: str) -> BaselineAlteredError:
        """Return the error for a value that is not what was accepted."""
        return BaselineAlteredError(f"{self.where}:{node.line}: {said}; restore it, or propose a new baseline")


def _shown(node: Node) -> str:
    """Return a value as a message shows it."""
    if isinstance(node.value, dict | list):
        return "an object" if isinstance(node.value, dict) else "a list"
    return repr(node.value)[:60]
