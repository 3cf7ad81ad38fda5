"""Keeps tables between assets as Parquet files, each replaced as a whole.

Rules:
- An asset gives a table, or what writes one where it is larger than memory (``ledger.chunks.ParquetWriting``).
- An asset that asks for ``StoredTable`` gets the file, and reads of it what it needs; others get the whole table.
"""

import os
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from assets.stored import StoredTable
from ledger.chunks import PLACE_SETTING, ROWS_PER_GROUP, ParquetWriting
from ledger.dagster import current_settings
from ledger.errors import ConfigurationError
from ledger.names import file_name
from ledger.store.files import explained


class ParquetIOManager(dg.ConfigurableIOManager):
    """Stores the table of an asset at ``<output_dir>/stages/<asset>.parquet``; a partition gets a file of its own."""

    def handle_output(self, context: dg.OutputContext, obj: pa.Table | ParquetWriting) -> None:
        """Write a table under a temporary name, then give it its own by one rename."""
        path = self._path(context)
        with explained("write", path, PLACE_SETTING):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                if isinstance(obj, pa.Table):
                    pq.write_table(obj, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP)
                else:
                    obj(temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def load_input(self, context: dg.InputContext) -> pa.Table | StoredTable:
        """Read the table an upstream asset wrote, or name its file."""
        path = self._path(context)
        if not path.is_file():
            message = f"{path} is missing; materialise {context.asset_key.to_user_string()} first"
            raise ConfigurationError(message)
        return StoredTable(path) if _is_asked_for_by_range(context) else pq.read_table(path)

    def _path(self, context: dg.OutputContext | dg.InputContext) -> Path:
        """Return the file of an asset."""
        place = Path(current_settings().output_dir) / "stages"
        parts = [*context.asset_key.path]
        if context.has_asset_partitions:
            parts.append(file_name(_partition(context)))
        return place.joinpath(*parts[:-1], f"{parts[-1]}.parquet")


def _partition(context: dg.OutputContext | dg.InputContext) -> str:
    """Return the partition that an asset's file is of.

    Raises:
        ConfigurationError: Several files are asked for at once.
    """
    keys = context.asset_partition_keys
    if len(keys) == 1:
        return str(keys[0])
    if isinstance(context, dg.OutputContext):
        message = (
            f"{context.asset_key.to_user_string()} is made for {len(keys)} partitions at once, and each is a file;"
            " give it BackfillPolicy.multi_run()"
        )
    else:
        message = (
            f"{context.asset_key.to_user_string()} has {len(keys)} partitions, and one is read at a time; map each"
            " partition to one of it"
        )
    raise ConfigurationError(message)


def _is_asked_for_by_range(context: dg.InputContext) -> bool:
    try:
        return context.dagster_type.typing_type is StoredTable
    except dg.DagsterInvariantViolationError:  # The input says no type.
        return False
