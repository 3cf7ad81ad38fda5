"""Dagster's home: the one that is set is used as it is, else one of the project's own without telemetry."""

import pytest
import yaml

from ledger.errors import StoreError
from ledger.service.project.home import prepare_home


def test_without_a_home_the_project_gets_one_with_telemetry_off(tmp_path):
    home = prepare_home(tmp_path)
    assert home == tmp_path / ".dagster_home"
    assert yaml.safe_load((home / "dagster.yaml").read_text()) == {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def test_an_instance_file_that_is_there_already_is_left_as_it_is(tmp_path):
    own = prepare_home(tmp_path) / "dagster.yaml"
    own.write_text("telemetry:\n  enabled: true\n")
    assert prepare_home(tmp_path) == own.parent
    assert own.read_text() == "telemetry:\n  enabled: true\n"


def test_a_home_that_is_set_is_made_and_nothing_is_written_into_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "mine/home")
    home = prepare_home(tmp_path / "project")
    assert home == tmp_path / "mine" / "home"
    assert list(home.iterdir()) == []
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_home_that_cannot_be_made_is_told_with_what_to_do(tmp_path, monkeypatch, named):
    (tmp_path / ".dagster_home").write_text("a file")
    if named:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster_home" / "below"))
    with pytest.raises(StoreError, match=r"cannot make Dagster's home .*; set DAGSTER_HOME to another directory"):
        prepare_home(tmp_path)
