"""What every test gets: a clean environment, and the option to write golden files anew."""

import os

import pytest

_OURS = ("DAGSTER_LEDGER_", "DAGSTER_HOME")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files from what the code gives now")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the caller's own ledger and Dagster settings, so that a test sees only what it sets."""
    for name in tuple(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
