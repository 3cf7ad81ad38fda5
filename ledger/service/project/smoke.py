"""Smoke cases: a job on known input, and what has to come out of it.

Rules:
- A case file is a mapping of name to case; unknown words in it are errors, told with their place.
- An expectation that is not asserted is not there: a case without any is refused.
- Runs of a smoke test are recorded in a ledger of their own, so that their figures never become samples; what was found
  is recorded in the project's ledger, for the commit it was found on.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import ConfigurationError
from ledger.events import SmokeTested, StreamId
from ledger.git import code_state
from ledger.service.reading.replay import RunStory
from ledger.service.recording.recorder import StreamRecorder
from ledger.settings import MetricLimit
from ledger.store.protocol import LedgerStore

CASES_FILE: Final = Path("config") / "smoke" / "cases.yaml"
_ROWS_SHOWN: Final = 5


class TableExpected(BaseModel):
    """A table that has to come out, held against a file column by column.

    Attributes:
        file: Parquet file below the output directory.
        equals: CSV file with the expected rows, from the directory of the case file; absent values are empty.
        key: Column by which both are ordered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    equals: str
    key: str


class Expected(BaseModel):
    """What has to come out of a case.

    Attributes:
        status: Status of the run.
        assets: Assets that have to be made, all others must not be.
        metrics: Asset, metric, then ``min`` and ``max`` in one or two limits.
        failed_checks: Checks that have to fail, as ``asset/check``; all others must pass.
        blocked: Assets that have to be blocked by a gate, all others must not be.
        tables: Tables that have to come out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: str = "success"
    assets: list[str] | None = None
    metrics: dict[str, dict[str, list[MetricLimit]]] = Field(default_factory=dict)
    failed_checks: list[str] = Field(default_factory=list)
    blocked: list[str] = Field(default_factory=list)
    tables: list[TableExpected] = Field(default_factory=list)


class SmokeCase(BaseModel):
    """A job, how it is configured, and what has to come out.

    Attributes:
        description: What the case shows.
        job: Job to run; all assets when ``None``.
        run_config: Dagster run configuration.
        settings: Settings for this run; places are meant from the directory of the case file.
        expect: What has to come out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    job: str | None = None
    run_config: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    expect: Expected


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation: what it is, whether it holds, and what was seen."""

    what: str
    holds: bool
    seen: str


def load_cases(path: Path) -> dict[str, SmokeCase]:
    """Return the cases of a file, by name.

    Raises:
        ConfigurationError: The file is missing, or something in it is wrong.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"there are no smoke cases at {path}; write some, or name another file with --cases"
        raise ConfigurationError(message) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = f"{path} cannot be read as YAML ({' '.join(str(error).split())[:200]}); correct the file"
        raise ConfigurationError(message) from error
    if not isinstance(found, dict) or not found:
        message = f"{path} must be a mapping of case names to cases"
        raise ConfigurationError(message)
    return {str(name): _case(path, str(name), case) for name, case in found.items()}


def run_config_of(case: SmokeCase, fixtures: Path) -> dict[str, Any]:
    """Return the run configuration of a case; ``{fixtures}`` in its texts is the directory of the case file."""
    found = _replaced(case.run_config, str(fixtures.absolute()))
    return found if isinstance(found, dict) else {}


def _replaced(value: object, fixtures: str) -> object:
    if isinstance(value, str):
        return value.replace("{fixtures}", fixtures)
    if isinstance(value, dict):
        return {name: _replaced(entry, fixtures) for name, entry in value.items()}
    if isinstance(value, list):
        return [_replaced(entry, fixtures) for entry in value]
    return value


def judge(case: SmokeCase, story: RunStory, output: Path, fixtures: Path) -> list[Finding]:
    """Return every expectation of a case, held against what came out.

    Args:
        case: The case.
        story: The run.
        output: Directory the assets published below.
        fixtures: Directory of the case file.
    """
    return list(_findings(case.expect, story, output, fixtures))


def record(
    store: LedgerStore, name: str, case: SmokeCase, run_id: str | None, findings: list[Finding], at: Path
) -> bool:
    """Record the result of a case for the commit of a project, and return whether it passed.

    Args:
        store: The project's ledger.
        name: Name of the case.
        case: The case.
        run_id: Run that was judged.
        findings: Its expectations.
        at: Directory of the project.
    """
    code = code_state(at)
    failures = tuple(f"{finding.what}: {finding.seen}" for finding in findings if not finding.holds)
    event = SmokeTested(
        run_id=run_id,
        case=name,
        status="failed" if failures else "passed",
        job=case.job,
        code_version=code.commit if code else None,
        code_dirty=code.dirty if code else None,
        failures=failures,
        details={finding.what: finding.seen for finding in findings},
    )
    StreamRecorder(store, StreamId("smoke", uuid.uuid4().hex)).record(event)
    return not failures


def _case(path: Path, name: str, case: object) -> SmokeCase:
    try:
        return SmokeCase.model_validate(case)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join([name, *map(str, detail['loc'])])}: {detail['msg']}" for detail in error.errors())
        message = f"{path}: {told}; correct the case"
        raise ConfigurationError(message) from error


def _findings(expect: Expected, story: RunStory, output: Path, fixtures: Path) -> Iterator[Finding]:
    status = story.run.to_pylist()[0]["status"]
    yield Finding(f"status is {expect.status}", status == expect.status, status)
    made = {row["asset"]: row for row in story.assets.to_pylist() if row["status"] == "success"}
    if expect.assets is not None:
        yield _same("made", expect.assets, sorted(made))
    failed = sorted(f"{row['asset']}/{row['check']}" for row in story.checks.to_pylist() if row["status"] == "failed")
    yield _same("failed checks", expect.failed_checks, failed)
    yield _same("blocked", expect.blocked, sorted(set(story.blocked.column("asset").to_pylist())))
    for asset, metrics in expect.metrics.items():
        for metric, limits in metrics.items():
            for limit in limits:
                yield _within(asset, metric, limit, made.get(asset, {}))
    for table in expect.tables:
        yield _table(table, output, fixtures)


def _same(what: str, expected: list[str], seen: list[str]) -> Finding:
    return Finding(
        f"{what}: {', '.join(sorted(expected)) or 'none'}", sorted(expected) == seen, ", ".join(seen) or "none"
    )


def _within(asset: str, metric: str, limit: MetricLimit, row: Mapping[str, Any]) -> Finding:
    value = row.get(metric)
    word = "at most" if limit.max is not None else "at least"
    holds = value is not None and limit.breach_ratio(value) is None
    return Finding(
        f"{metric} of {asset} is {word} {limit.bound:g}", holds, "not measured" if value is None else f"{value:g}"
    )


def _table(expected: TableExpected, output: Path, fixtures: Path) -> Finding:
    """Hold a table against its expected rows, by the columns that the expectation names."""
    what = f"{expected.file} equals {expected.equals}"
    try:
        wanted = _as_text(pa_csv.read_csv(fixtures / expected.equals, convert_options=_TEXT))
        seen = _as_text(pq.read_table(output / expected.file).select(wanted.column_names))
    except (OSError, pa.ArrowException, KeyError) as error:
        return Finding(what, holds=False, seen=" ".join(str(error).split())[:300])
    order = [(expected.key, "ascending")]
    left, right = wanted.sort_by(order).to_pylist(), seen.sort_by(order).to_pylist()
    missing = [row for row in left if row not in right][:_ROWS_SHOWN]
    extra = [row for row in right if row not in left][:_ROWS_SHOWN]
    if left == right:
        return Finding(what, holds=True, seen=f"{len(right)} rows")
    return Finding(what, holds=False, seen=f"missing {missing}, not expected {extra}")


_TEXT: Final = pa_csv.ConvertOptions(strings_can_be_null=True, null_values=[""])


def _as_text(table: pa.Table) -> pa.Table:
    """Return every column as text, so that 7 in a CSV file and 7 in a number column are one."""
    return pa.table({name: table.column(name).cast(pa.string()) for name in table.column_names})
