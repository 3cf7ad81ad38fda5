"""Tracks every asset of an existing ``Definitions`` in one call.

Rules:
- The op behind each asset gets its function replaced by the tracked one, in place: jobs, graphs and schedules that
  refer to the same op see it too, and nothing else of the definitions is touched.
- A function that is tracked already, by hand or by an earlier call, is left as it is.
- This is the only place that touches a private attribute of Dagster; a test fails where Dagster changes it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from ledger.dagster.tracked import tracked
from ledger.errors import ConfigurationError
from ledger.metrics import Metric


def track_definitions(
    definitions: dg.Definitions, *, metrics: Iterable[Metric] = (), ledger_uri: str | None = None
) -> dg.Definitions:
    """Return the same definitions with every materialisable asset tracked.

    Args:
        definitions: A project's definitions; the ops of its assets are changed in place.
        metrics: Metrics of the project's own that its assets record.
        ledger_uri: Where the ledger is; by resource, flag, environment, configuration or default when ``None``.

    Raises:
        ConfigurationError: This Dagster release keeps the function of an op elsewhere.
    """
    track = tracked(metrics=tuple(metrics), ledger_uri=ledger_uri)
    for op in _asset_ops(definitions):
        compute: Any = getattr(op, "_compute_fn", None)
        if hasattr(compute, "decorated_fn"):
            op._compute_fn = type(compute)(decorated_fn=track(compute.decorated_fn))  # noqa: SLF001
        elif callable(compute):
            op._compute_fn = track(compute)  # noqa: SLF001
        else:
            message = (
                f"Dagster {dg.__version__} keeps the function of op {op.name!r} elsewhere; use @tracked on each asset"
            )
            raise ConfigurationError(message)
    return definitions


def _asset_ops(definitions: dg.Definitions) -> Iterator[dg.OpDefinition]:
    """Yield each op that computes an asset, once."""
    seen: set[int] = set()
    for asset in definitions.assets or ():
        if not isinstance(asset, dg.AssetsDefinition) or not asset.is_executable:
            continue
        node = asset.node_def
        for op in [node] if isinstance(node, dg.OpDefinition) else node.iterate_op_defs():
            if id(op) not in seen:
                seen.add(id(op))
                yield op
