"""The tuning guide: its defaults and ranges are those of the settings, its profiles are measured and held."""

import json
import re
import sys
from pathlib import Path

import annotated_types
import pytest
import yaml

from ledger.settings import Settings
from ledger.units import MIB
from tests.benchmarks.enrich.data import files
from tests.benchmarks.enrich.measuring import taking_turns
from tests.benchmarks.enrich.profiles import DEFAULT, MEMORY, PROFILES, SPEED

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
MISSION = {"chunk_size", "memory_threshold_mb", "match_rate_threshold", "timeout_seconds"}


def spelled(name: str) -> str:
    """Return the range of a setting as the page spells it."""
    field = Settings.model_fields[name]
    bounds = {type(one): one for one in field.metadata}
    if annotated_types.Le not in bounds:
        return ", ".join(field.annotation.__args__)
    least = bounds.get(annotated_types.Ge)
    low = f"{least.ge:g}" if least else f"above {bounds[annotated_types.Gt].gt:g}"
    return f"{low} to {int(bounds[annotated_types.Le].le)}"


def test_the_parameters_of_the_mission_are_there():
    assert {name for name, _, _ in ROWS} >= MISSION


@pytest.mark.parametrize(("name", "default", "told"), ROWS, ids=[row[0] for row in ROWS])
def test_default_and_range_are_those_of_the_setting(name, default, told):
    assert json.loads(default) == Settings.model_fields[name].default
    assert told == spelled(name)


def test_the_profiles_are_those_that_are_measured():
    shown = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    assert shown == [PROFILES[MEMORY], PROFILES[SPEED]]
    for profile in shown:
        Settings(**profile)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_each_profile_beats_the_defaults_at_what_it_is_advised_for(tmp_path):
    told = {name: json.dumps(dict(way)) for name, way in PROFILES.items()}
    made = files(tmp_path, 150_000, 200_000)
    found = taking_turns(told, made, tmp_path, 3, lambda text: sys.stderr.write(text + "\n"))
    assert found[MEMORY].peak_bytes < PROFILES[MEMORY]["memory_threshold_mb"] * MIB
    assert found[MEMORY].peak_bytes < found[SPEED].peak_bytes
    # Processor time, since the other processes of a test run take turns with this one.
    assert found[SPEED].median("cpu_s") < 0.95 * found[DEFAULT].median("cpu_s")
    assert len({one.digest for one in found.values()}) == 1
