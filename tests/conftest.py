"""What every test gets: a clean environment, its group's worker, and the option to write golden files anew."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing but how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_OURS = ("DAGSTER_LEDGER_", "DAGSTER_HOME")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files from what the code gives now")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let ``xdist_group`` hold: tests of a group share a worker, and so what was made once for all of them.

    A worker tells a test's group at the end of its id; pytest-xdist 3.8 writes it where pytest 9.2 does not look for it
    any more (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """
    for item in items if getattr(config.option, "loadgroup", False) else ():
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = type(item.id).parse(f"{item.nodeid}@{mark.args[0]}")


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """Take away the caller's own ledger and Dagster settings, so that a test sees only what it sets.

    Once for all: a run that several tests look at is made before the fixtures of the first of them.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.startswith(_OURS):
                patch.delenv(name)
        yield
