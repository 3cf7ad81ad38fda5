"""A recorded ledger, and the command line on it: in this process, or in one of its own where that matters."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from ledger.events import (
    AlertRaised,
    AssetStarted,
    CheckEvaluated,
    ConfigurationResolved,
    RunFinished,
    RunStarted,
    asset_stream,
    run_stream,
)
from ledger.measure import current_process
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.recording.span import AssetSpan, SpanHeader
from ledger.store import open_store
from ledger.store.protocol import LedgerStore
from ledger_cli.main import main

GOOD, BAD, HOSTILE = "11111111-good", "22222222-bad", "33333333-hostile"


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def every_command(command: click.Command, *words: str) -> Iterator[tuple[click.Command, tuple[str, ...]]]:
    """Yield every command with the words that call it, groups included."""
    yield command, words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every_command(below, *words, name)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The directory of a test's ledger, in a working directory of its own; nothing is there yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ledger"


@pytest.fixture
def command(capsys, place) -> Callable[..., Said]:
    """Run a command on the test's ledger, in this process."""

    def run(*words: str, ledger: Path | None = place) -> Said:
        given = [*words, "--ledger", str(ledger)] if ledger else [*words]
        code = main(given)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a shell would, with these environment variables set as well."""
    return subprocess.run(
        [sys.executable, "-m", "ledger_cli.main", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def recorded(place) -> LedgerStore:
    """A ledger of three runs: one that went well, one that failed, and one with names that try to break terminals."""
    store = open_store(str(place), create=True)
    opened(store, GOOD)
    attempt(store, GOOD, "companies", rows=1000, match_rate=0.75)
    attempt(store, GOOD, "profile", rows=10)
    StreamRecorder(store, asset_stream("op:extra", GOOD, None, 0)).record(
        AlertRaised(asset="companies", run_id=GOOD, alert_id="a1", severity="warning", metric="match_rate",
                    value=0.75, threshold=0.8, unit="ratio", message="match rate is low")
    )  # fmt: skip
    closed(store, GOOD, "success")
    opened(store, BAD)
    span = begin(store, BAD, "companies")
    span.context(row_range="0-500", file="companies.csv")
    span.fail(span.stop(), ValueError("row 17 has no name"))
    closed(store, BAD, "failed")
    opened(store, HOSTILE)
    attempt(store, HOSTILE, "=cmd|' /C calc'!A0\x1b[31m", rows=5)
    closed(store, HOSTILE, "success")
    return store


def opened(store: LedgerStore, run_id: str) -> None:
    StreamRecorder(store, run_stream(run_id)).record(
        RunStarted(run_id=run_id, job="enrich", launcher="cli", planned_assets=("companies",), tags={"team": "data"}),
        ConfigurationResolved(
            run_id=run_id, digest="d" * 64, values={"chunk_size": 1}, sources={"chunk_size": "--set"}
        ),
    )


def closed(store: LedgerStore, run_id: str, status: str) -> None:
    stream = run_stream(run_id)
    StreamRecorder(store, stream, head=store.head(str(stream))).record(RunFinished(run_id=run_id, status=status))


def begin(store: LedgerStore, run_id: str, asset: str) -> AssetSpan:
    header = SpanHeader(subject=asset, output_assets=(asset,), run_id=run_id, job="enrich", step_key=asset)
    span = AssetSpan(StreamRecorder(store, asset_stream(asset, run_id, None, 0)), header)
    span.start()
    return span


def leave_lost(store: LedgerStore, run_id: str, asset: str) -> None:
    """Leave an attempt open whose process, going by when it started, is not there any more."""
    here = current_process()
    opened(store, run_id)
    StreamRecorder(store, asset_stream(asset, run_id, None, 0)).record(
        AssetStarted(
            asset=asset, run_id=run_id, output_assets=(asset,), step_key=asset, host=here.host, boot_id=here.boot_id,
            pid=here.pid, pid_namespace=here.pid_namespace, pid_started_ticks=1,
        )
    )  # fmt: skip


def attempt(store: LedgerStore, run_id: str, asset: str, *, rows: int, match_rate: float | None = None) -> None:
    span = begin(store, run_id, asset)
    span.rows(rows_in=rows, rows_out=rows)
    if match_rate is not None:
        span.measure("match_rate", match_rate)
        span.breakdown("identifier_type_rows", {"cusip": 600, "name": 150, "none": 250})
        span.check(
            CheckEvaluated(asset=asset, run_id=run_id, check="match_rate_holds", status="passed", severity="error",
                           metric="match_rate", value=match_rate, threshold=0.7, blocking=True, details={})
        )  # fmt: skip
    span.finish(span.stop())
