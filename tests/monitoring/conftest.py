"""One monitored project per session, copied for each test that changes it."""

import shutil

import pytest

from tests.monitoring.watched import Watched, watched


@pytest.fixture(scope="session")
def calm(tmp_path_factory) -> Watched:
    """A project in which nothing is wrong; not to be changed."""
    return watched(tmp_path_factory.mktemp("watched") / "calm")


@pytest.fixture
def project(calm, tmp_path) -> Watched:
    """A copy of it, to be changed."""
    place = tmp_path / "watched"
    shutil.copytree(calm.place, place)
    return Watched(place, calm.made)
