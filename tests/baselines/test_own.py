"""What this repository itself has accepted: its benchmark suite, on a kind of machine that is named."""

from collections import defaultdict
from pathlib import Path

from assets.defs.benchmark import ASSETS
from ledger.service.baselines.accepted import from_directory


def test_every_asset_of_the_suite_is_accepted_with_a_dozen_runs_on_a_named_machine():
    accepted = from_directory(Path(__file__).parents[2] / "baselines")
    profiles = defaultdict(set)
    for path in accepted.content:
        one = accepted.at(path)
        profiles[one.profile].add(one.asset)
        assert {"duration_s", "peak_increase_bytes"} <= {entry.metric for entry in one.metrics}
        assert all(len(entry.current.runs) >= 12 and entry.current.machine for entry in one.metrics)
    assert profiles
    assert all(assets == ASSETS for assets in profiles.values())
