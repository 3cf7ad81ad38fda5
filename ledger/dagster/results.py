"""Looks at what an asset returns or yields, and gives it back with the span's figures attached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from ledger.dagster.checks import check_event
from ledger.dagster.metadata import as_metadata
from ledger.dagster.report_link import report_link
from ledger.dagster.step import Step
from ledger.service.recording.span import AssetSpan

_ROW_COUNT_KEYS: Final = ("dagster/row_count", "dagster/partition_row_count")
_TABLE_PACKAGES: Final = frozenset({"pandas", "polars", "numpy"})
"""Packages whose ``shape`` is known without computing anything; that of a DuckDB relation runs its query."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Takes figures from the results of one span, and attaches the span's figures to them."""

    step: Step
    span: AssetSpan
    report_url: str = ""

    def take_yielded(self, result: object) -> object:
        """Return a yielded result with lap values: Dagster takes it at once, so the final ones would come too late."""
        key = self._asset_of(result)
        self._note(result, key)
        return self._attach(result, key, self.span.lap())

    def take_returned(self, result: object) -> object:
        """Return a returned result with the final values; the work is done, so the span is measured here."""
        parts = self._parts(result)
        keys = self._assets_of(parts)
        for part, key in zip(parts, keys, strict=True):
            self._note(part, key)
        self.span.stop()
        values = self.span.noted(self.span.header.subject)
        attached = tuple(self._attach(part, key, values) for part, key in zip(parts, keys, strict=True))
        self._attach_to_outputs(parts, keys, values)
        return attached if parts is result else attached[0]

    def observe(self) -> None:
        """Say what was measured although the asset failed; it persists where output metadata would be lost."""
        values = self.span.noted(self.span.header.subject)
        for key in self.step.output_assets:
            metadata = self._metadata(key, values)
            self.step.context.log_event(dg.AssetObservation(dg.AssetKey.from_user_string(key), metadata=metadata))

    def _parts(self, result: object) -> Sequence[object]:
        """Return the results a returned value stands for: a tuple's elements where Dagster takes them one by one."""
        if not isinstance(result, tuple) or hasattr(result, "_fields"):  # A named tuple is one value.
            return (result,)
        several = len(self.step.output_names) > 1 or any(_is_event(part) for part in result)
        return result if several else (result,)

    def _assets_of(self, parts: Sequence[object]) -> list[str | None]:
        """Return the asset of each part: as it says itself, else by position, as Dagster takes plain values."""
        by_position: Sequence[str | None] = list(self.step.output_names)
        if len(by_position) != len(parts):
            by_position = [None] * len(parts)
        return [self._asset_of(part) or key for part, key in zip(parts, by_position, strict=True)]

    def _asset_of(self, result: object) -> str | None:
        """Return the asset a result names, or the step's only one."""
        key = getattr(result, "asset_key", None)
        if isinstance(key, dg.AssetKey):
            return key.to_user_string()
        if len(self.step.output_names) == 1:
            return next(iter(self.step.output_names))
        if isinstance(result, dg.Output):
            named = [asset for asset, name in self.step.output_names.items() if name == result.output_name]
            return named[0] if named else None
        return None

    def _note(self, result: object, key: str | None) -> None:
        """Take rows and check results from one result."""
        if isinstance(result, dg.AssetCheckResult):
            self.span.check(check_event(result, self.step))
            return
        value, metadata = result, {}
        if isinstance(result, dg.MaterializeResult | dg.Output):
            value, metadata = getattr(result, "value", None), dict(result.metadata or {})
        if isinstance(result, dg.MaterializeResult):
            for check in result.check_results:
                self.span.check(check_event(check, self.step, result.asset_key))
        rows = _rows(metadata, value)
        subject = key or self.span.header.subject
        if rows is not None and "rows_out" not in self.span.noted(subject):
            self.span.rows(rows_out=rows, asset=subject)

    def _attach(self, result: object, key: str | None, values: Mapping[str, float]) -> object:
        """Return the result with the figures as metadata; the asset's own keys win."""
        if isinstance(result, dg.MaterializeResult):
            return result._replace(metadata={**self._metadata(key, values), **(result.metadata or {})})
        if isinstance(result, dg.Output):
            return result.with_metadata({**self._metadata(key, values), **result.metadata})
        return result

    def _attach_to_outputs(
        self, parts: Sequence[object], keys: Sequence[str | None], values: Mapping[str, float]
    ) -> None:
        """Attach the figures to the outputs that were returned as plain values."""
        plain = {key for part, key in zip(parts, keys, strict=True) if not _is_event(part)}
        by_output = {name: asset for asset, name in self.step.output_names.items()}
        for name in self.step.plain_outputs if plain else ():
            key = by_output.get(name)
            if key in plain or plain == {None}:
                self.step.context.add_output_metadata(self._metadata(key, values), output_name=name)

    def _metadata(self, key: str | None, values: Mapping[str, float]) -> dict[str, float | dg.UrlMetadataValue]:
        """Return the metadata of one result: the figures of the span and of its own asset, and where the report is."""
        subject = self.span.header.subject
        if key is None or key == subject:
            figures = as_metadata(values, shared=len(self.step.output_assets) > 1)
        else:
            figures = as_metadata(values, shared=True) | as_metadata(self.span.noted(key))
        return {**figures, **report_link(self.report_url, key)}


def _is_event(part: object) -> bool:
    """Return whether Dagster takes a returned object as it is, and not as the value of an output."""
    return isinstance(
        part, dg.MaterializeResult | dg.ObserveResult | dg.Output | dg.DynamicOutput | dg.AssetCheckResult
    )


def _rows(metadata: Mapping[str, Any], value: object) -> int | None:
    """Return how many rows a result has: as it says itself, or as a table tells without computing anything."""
    for name in _ROW_COUNT_KEYS:
        count = getattr(metadata.get(name), "value", metadata.get(name))
        if isinstance(count, int | float) and count >= 0:
            return int(count)
    rows = getattr(value, "num_rows", None) if not isinstance(value, type) else None  # Arrow and its likes
    if isinstance(rows, int):
        return rows
    if _TABLE_PACKAGES.isdisjoint(cls.__module__.partition(".")[0] for cls in type(value).__mro__):
        return None
    shape = getattr(value, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and shape else None
