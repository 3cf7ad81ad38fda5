"""Looks at what an asset returns or yields, and gives it back with the span's figures attached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from ledger.dagster.checks import check_event
from ledger.dagster.metadata import as_metadata
from ledger.dagster.step import Step
from ledger.service.span import AssetSpan

_ROW_COUNT_KEYS: Final = ("dagster/row_count", "dagster/partition_row_count")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attaches figures to the results of one span."""

    step: Step
    span: AssetSpan

    def note(self, result: object) -> None:
        """Take rows and check results from one returned or yielded object."""
        if isinstance(result, dg.AssetCheckResult):
            self.span.check(check_event(result, self.step))
            return
        key = self._asset_of(result)
        value, metadata = result, {}
        if isinstance(result, dg.MaterializeResult | dg.Output):
            metadata = dict(result.metadata or {})
            value = getattr(result, "value", None)
        if isinstance(result, dg.MaterializeResult):
            for check in result.check_results:
                self.span.check(check_event(check, self.step))
        rows = _rows(metadata, value)
        if rows is not None and key is not None and "rows_out" not in self.span.noted(key):
            self.span.rows(rows_out=rows, asset=key)

    def note_outputs(self, values: tuple[object, ...]) -> None:
        """Take the rows of plain values returned for several outputs, which Dagster takes in the order of outputs."""
        assets = {name: asset for asset, name in self.step.output_names.items()}
        names = [name for name in self.step.context.op_def.output_dict if name in assets]
        if len(names) != len(values):
            return
        for name, value in zip(names, values, strict=True):
            rows = _rows({}, value)
            if rows is not None and "rows_out" not in self.span.noted(assets[name]):
                self.span.rows(rows_out=rows, asset=assets[name])

    def attach(self, result: object, values: Mapping[str, float]) -> object:
        """Return the result with the figures as metadata; the asset's own keys win.

        Args:
            result: What was returned or yielded.
            values: Figures of the span so far.
        """
        key = self._asset_of(result)
        if isinstance(result, dg.MaterializeResult):
            metadata = {**self._metadata(key, values), **(result.metadata or {})}
            return result._replace(metadata=metadata)
        if isinstance(result, dg.Output):
            metadata = {**self._metadata(key, values), **result.metadata}
            return result.with_metadata(metadata)
        return result

    def attach_to_step(self, values: Mapping[str, float]) -> None:
        """Attach the figures to the outputs of a step that returned plain values."""
        for key, name in self.step.output_names.items():
            metadata = self._metadata(key, values)
            self.step.context.add_output_metadata(metadata, output_name=name)

    def observe(self, values: Mapping[str, float]) -> None:
        """Say what was measured although the asset failed; it persists where output metadata would be lost."""
        for key in self.step.output_assets:
            metadata = self._metadata(key, values)
            asset_key = dg.AssetKey.from_user_string(key)
            self.step.context.log_event(dg.AssetObservation(asset_key, metadata=metadata))

    def _metadata(self, key: str | None, values: Mapping[str, float]) -> dict[str, float]:
        """Return the metadata of one asset: its own figures, and those of the span."""
        own = self.span.noted(key) if key is not None else {}
        return as_metadata({**values, **own}, shared=self.span.header.subject != key)

    def _asset_of(self, result: object) -> str | None:
        """Return the asset a result is for."""
        key = getattr(result, "asset_key", None)
        if isinstance(key, dg.AssetKey):
            return key.to_user_string()
        if isinstance(result, dg.Output):
            named = [asset for asset, name in self.step.output_names.items() if name == result.output_name]
            return named[0] if named else self.step.subject
        return self.step.output_assets[0] if len(self.step.output_assets) == 1 else None


def _rows(metadata: Mapping[str, Any], value: object) -> int | None:
    """Return how many rows a result has: as it says itself, or as a table-like value tells."""
    for name in _ROW_COUNT_KEYS:
        if name in metadata:
            count = getattr(metadata[name], "value", metadata[name])
            return int(count) if count is not None else None
    rows = getattr(value, "num_rows", None)  # Arrow
    if isinstance(rows, int):
        return rows
    shape = getattr(value, "shape", None)  # pandas, Polars, NumPy
    return int(shape[0]) if isinstance(shape, tuple) and shape and isinstance(shape[0], int) else None
