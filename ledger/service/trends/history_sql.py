"""The values of histories as a query that DuckDB runs on the files of a ledger, without this program.

Rules:
- It asks for what the report is made from: one row per value with commit, configuration and machine class.
- It reads all segments and loose files by pattern and takes each event once (see docs/engines.md). The schema is told,
  so that files which lack a column are read as well.
- Every name in it is a literal with its quotes doubled.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger.errors import ConfigurationError
from ledger.service.reading.replay import check_names
from ledger.service.trends.history import Asked, chosen_runs
from ledger.store.protocol import EventQuery, LedgerView

_COLUMNS: Final = {
    "stream": "VARCHAR",
    "seq": "INTEGER",
    "ts": "TIMESTAMPTZ",
    "kind": "VARCHAR",
    "asset": "VARCHAR",
    "partition": "VARCHAR",
    "run_id": "VARCHAR",
    "metric": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "status": "VARCHAR",
    "payload": "VARCHAR",
}
_PATTERNS: Final = ("segments/month=*/*.parquet", "loose/*.parquet")


def query_text(view: LedgerView, asked: Asked) -> str:
    """Return the query.

    Raises:
        ConfigurationError: The ledger is in a bucket or holds nothing, or a name is not in it.
    """
    check_names(view, EventQuery(assets=asked.assets, metrics=asked.metrics))
    chosen = chosen_runs(view, asked)
    root = Path(view.uri)
    files = [str(root / pattern) for pattern in _PATTERNS if any(root.glob(pattern))]
    if not files:
        message = (
            f"the ledger at {view.uri} has no files that DuckDB could read from here; without runs there is nothing to"
            " ask for, and from a bucket `dagster-ledger ledger export delta` makes a table"
        )
        raise ConfigurationError(message)
    narrowed = [
        _among("asset", asked.assets),
        _among("metric", asked.metrics or asked.default_metrics),
    ]
    return _TEMPLATE.format(
        since=_text(chosen.since.isoformat() if chosen.since else "-infinity"),
        files=", ".join(map(_text, files)),
        columns=",\n    ".join(
            f"{_text(name)}: {{name: {_text(name)}, type: {_text(kind)}, default_value: NULL}}"
            for name, kind in _COLUMNS.items()
        ),
        window=_window(asked),
        narrowed="".join(f"\n    AND {term}" for term in narrowed if term),
    )


_TEMPLATE: Final = """\
WITH events AS (
  SELECT DISTINCT ON (stream, seq) *
  FROM read_parquet([{files}], hive_partitioning := false, schema := MAP {{
    {columns}
  }})
  WHERE ts >= TIMESTAMPTZ {since}
),
runs AS (
  SELECT
    run_id,
    min(ts) AS started,
    any_value(payload->>'$.job') FILTER (WHERE kind = 'run_started') AS job
  FROM events
  WHERE kind IN ('run_started', 'asset_started')
  GROUP BY run_id
),
chosen AS (
  SELECT run_id FROM runs
  {window}
),
attempts AS (
  SELECT
    stream,
    any_value(status) FILTER (WHERE kind = 'asset_finished') AS status,
    any_value(payload->>'$.code_version') FILTER (WHERE kind = 'asset_started') AS code_version,
    any_value(payload->>'$.config_digest') FILTER (WHERE kind = 'asset_started') AS config_digest,
    any_value(payload->>'$.machine_class') FILTER (WHERE kind = 'environment_recorded') AS machine_class
  FROM events
  WHERE kind IN ('asset_started', 'asset_finished', 'environment_recorded')
  GROUP BY stream
)
SELECT asset, "partition", metric, machine_class, config_digest, ts, run_id, value, unit, code_version
FROM events JOIN attempts USING (stream)
WHERE kind = 'metric_measured'
    AND starts_with(stream, 'asset/')
    AND attempts.status = 'success'
    AND run_id IN (SELECT run_id FROM chosen){narrowed}
QUALIFY row_number() OVER (PARTITION BY stream, asset, metric ORDER BY seq DESC) = 1
ORDER BY asset, "partition", metric, machine_class, config_digest, ts, run_id;"""


def _window(asked: Asked) -> str:
    """Return the condition of the window, as it is told in runs of each job or in days."""
    of_job = f"WHERE job = {_text(asked.job)}" if asked.job is not None else ""
    if asked.days is not None:
        newest = f"(SELECT max(started) FROM runs {of_job})"  # noqa: S608 - every name is a literal
        joined = "AND" if of_job else "WHERE"
        return f"{of_job}\n  {joined} started >= {newest} - to_seconds({asked.days * 86_400.0!r})".strip()
    rank = "row_number() OVER (PARTITION BY job ORDER BY started DESC, run_id DESC)"
    return f"{of_job}\n  QUALIFY {rank} <= {asked.last}".strip()


def _among(column: str, names: Iterable[str]) -> str:
    listed = ", ".join(map(_text, names))
    return f"{column} IN ({listed})" if listed else ""


def _text(text: str) -> str:
    """Return a text as a literal of SQL."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
