"""Looks at machine, configuration and ledger, and says what is wrong and what to do."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ledger.errors import ConfigurationError, IntegrityError, LedgerError, MissingLedgerError, StoreError
from ledger.git import code_state
from ledger.measure import exact_peak_possible
from ledger.service.project.home import VARIABLE
from ledger.service.project.locate import load_settings, project_directory
from ledger.service.recording.reconcile import find_lost
from ledger.settings import Placed, Resolved
from ledger.store import open_store
from ledger.store.protocol import LedgerStore

State = Literal["ok", "warn", "fail"]
Cause = Literal["configuration", "integrity", "store"]

_PROBLEMS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found at one place.

    Attributes:
        what: What was looked at.
        state: ``ok``, ``warn`` or ``fail``.
        said: What was found, and what to do where it is not well.
        cause: Kind of failure, which decides the exit code; ``None`` unless failed.
    """

    what: str
    state: State
    said: str
    cause: Cause | None = None


def diagnose(ledger_uri: str | None = None) -> Iterator[Diagnosis]:
    """Yield what is found, one thing after the other.

    Args:
        ledger_uri: Where the ledger is, as given on the command line.
    """
    yield Diagnosis("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    flags = {"ledger_uri": Placed(ledger_uri, "--ledger")} if ledger_uri is not None else {}
    try:
        resolved = load_settings(flags)
    except ConfigurationError as error:
        yield Diagnosis("configuration", "fail", str(error), "configuration")
        return
    yield Diagnosis("configuration", "ok", _configuration(resolved))
    yield _peaks()
    yield _code()
    yield _home()
    yield from _ledger(resolved.settings.ledger_uri)


def _configuration(resolved: Resolved) -> str:
    overrides = resolved.overrides()
    told = ", ".join(f"{name} from {source}" for name, source in sorted(overrides.items()))
    return f"project {project_directory()}" + (f"; overridden: {told}" if told else "")


def _peaks() -> Diagnosis:
    if exact_peak_possible():
        return Diagnosis("memory peaks", "ok", "exact, from the kernel's high-water mark")
    said = "sampled: /proc/self/clear_refs cannot be written here, so short spikes are missed"
    return Diagnosis("memory peaks", "warn", said)


def _code() -> Diagnosis:
    if shutil.which("git") is None:
        return Diagnosis("git", "warn", "git is not on PATH, so runs do not name their commit; install it")
    state = code_state(project_directory())
    if state is None:
        return Diagnosis("git", "warn", "the project has no commit, so runs cannot name one; commit it")
    return Diagnosis("git", "ok", f"commit {state.commit[:12]}{' with uncommitted changes' if state.dirty else ''}")


def _home() -> Diagnosis:
    named = os.environ.get(VARIABLE)
    if named is None:
        place = project_directory() / ".dagster_home"
        return Diagnosis("Dagster's home", "ok", f"{VARIABLE} is not set; `run` uses {place}")
    if not Path(named).is_dir():
        return Diagnosis("Dagster's home", "warn", f"{VARIABLE} is {named}, which is no directory; make it")
    return Diagnosis("Dagster's home", "ok", named)


def _ledger(uri: str) -> Iterator[Diagnosis]:
    """Look at the ledger: can it be opened, is every append what it was, is anything left open."""
    try:
        store = open_store(uri)
        yield from _contents(store, uri)
    except MissingLedgerError as error:
        yield Diagnosis("ledger", "warn", str(error))
    except LedgerError as error:
        yield _failed("ledger", error)


def _contents(store: LedgerStore, uri: str) -> Iterator[Diagnosis]:
    """Look at what an open ledger holds."""
    problems = store.problems()
    for problem in problems[:_PROBLEMS_SHOWN]:
        yield Diagnosis("ledger", "fail", f"{problem.where}: {problem.what}", "integrity")
    if len(problems) > _PROBLEMS_SHOWN:
        yield Diagnosis("ledger", "fail", f"and {len(problems) - _PROBLEMS_SHOWN} more problems", "integrity")
    if problems:
        return
    stats = store.stats()
    yield Diagnosis(
        "ledger", "ok", f"{stats.events:,} events in {stats.batches:,} appends at {uri}, every digest is right"
    )
    try:
        open_store(uri, create=True)
    except StoreError as error:
        yield Diagnosis("ledger", "warn", f"runs will not be recorded: {error}")
    lost = find_lost(store)
    if lost:
        said = f"{len(lost)} were killed and have no end; close them with `dagster-ledger ledger reconcile`"
        yield Diagnosis("open attempts", "warn", said)


def _failed(what: str, error: LedgerError) -> Diagnosis:
    """Return the diagnosis for an error."""
    cause: Cause = "configuration"
    if isinstance(error, IntegrityError):
        cause = "integrity"
    elif isinstance(error, StoreError):
        cause = "store"
    return Diagnosis(what, "fail", str(error), cause)
