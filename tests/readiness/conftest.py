"""One ready site per session, copied for the tests that change something."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readiness.site import Site, approved, made


@pytest.fixture(scope="session")
def ready_site(tmp_path_factory) -> Site:
    """Ready and not signed; not to be changed."""
    return made(tmp_path_factory.mktemp("site") / "ready")


@pytest.fixture(scope="session")
def signed_site(ready_site, tmp_path_factory) -> Site:
    """Ready, with ``manifest.json`` signed by both; not to be changed."""
    site = ready_site.copy(tmp_path_factory.mktemp("site") / "signed")
    approved(site)
    return site


@pytest.fixture
def site(ready_site, tmp_path) -> Site:
    """A copy of the ready site, to be changed."""
    return ready_site.copy(tmp_path / "site")


@pytest.fixture
def own(signed_site, tmp_path) -> Site:
    """A copy of the signed site, to be changed."""
    return signed_site.copy(tmp_path / "own")


@pytest.fixture
def golden(request) -> Callable[[str, str], None]:
    """Hold a text against the one that is kept under this name."""

    def hold(name: str, text: str) -> None:
        kept = Path(__file__).parents[1] / "golden" / name
        if request.config.getoption("--update-golden"):
            kept.write_text(text, encoding="utf-8")
        assert text == kept.read_text(encoding="utf-8"), "write it anew with --update-golden"

    return hold
