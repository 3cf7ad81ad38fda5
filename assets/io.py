"""Keeps tables between assets as Parquet files, each replaced as a whole."""

import os
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.dagster import current_settings
from ledger.errors import ConfigurationError


class ParquetIOManager(dg.ConfigurableIOManager):
    """Stores the table of an asset at ``<output_dir>/stages/<asset>.parquet``; a partition gets a file of its own."""

    def handle_output(self, context: dg.OutputContext, obj: pa.Table) -> None:
        """Write a table under a temporary name, then give it its own by one rename."""
        path = self._path(context)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            pq.write_table(obj, temporary, compression="zstd")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def load_input(self, context: dg.InputContext) -> pa.Table:
        """Read the table an upstream asset wrote."""
        path = self._path(context)
        if not path.is_file():
            message = f"{path} is missing; materialise {context.asset_key.to_user_string()} first"
            raise ConfigurationError(message)
        return pq.read_table(path)

    def _path(self, context: dg.OutputContext | dg.InputContext) -> Path:
        """Return the file of an asset."""
        place = Path(current_settings().output_dir) / "stages"
        parts = [*context.asset_key.path]
        if context.has_asset_partitions:
            parts.append(context.asset_partition_key)
        return place.joinpath(*parts[:-1], f"{parts[-1]}.parquet")
