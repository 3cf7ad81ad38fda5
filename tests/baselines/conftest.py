"""One site per session, copied for each test."""

import pytest

from tests.baselines.site import Site, made


@pytest.fixture(scope="session")
def merged_site(tmp_path_factory) -> Site:
    """Baselines merged, nothing changed on the branch; not to be changed."""
    return made(tmp_path_factory.mktemp("site") / "merged")


@pytest.fixture
def site(merged_site, tmp_path) -> Site:
    """A copy of it, to be changed."""
    return merged_site.copy(tmp_path / "site")
