"""Hides pandas from pyarrow, which imports it as soon as it makes an array, only to ask whether it was given a Series.

Nothing the command line does gives it one, and the import takes longer than most commands do. Pipelines run in
processes of their own, which do not pass here.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise for pandas, leave everything else to the other finders."""
        del path, target
        if fullname == "pandas":
            message = "hidden by dagster-ledger, whose commands do not use it"
            raise ModuleNotFoundError(message, name=fullname)
        return None


def hide_pandas() -> None:
    """Let imports of pandas fail in this process from now on."""
    sys.meta_path.insert(0, _NoPandas())
