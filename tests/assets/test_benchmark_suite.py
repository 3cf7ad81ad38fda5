"""The benchmark suite as a job: its flow, its figures, that it repeats itself, and the faults it can be asked for."""

import gc
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.definitions import defs
from assets.defs.benchmark import ASSETS, GROUP
from ledger.errors import ConfigurationError
from ledger.events import AssetFinished, AssetStarted, BreakdownMeasured, MetricMeasured
from ledger.events.codec import from_table
from ledger.store import open_store

SIZE = {"awards": 1_000, "registry": 600, "seed": 5}


@dataclass(frozen=True)
class Ran:
    """What one run left: its events in order, and its tables."""

    success: bool
    events: list
    tables: dict[str, pa.Table]

    def values(self, metric) -> dict[str, float]:
        return {
            event.asset: event.value
            for event in self.events
            if isinstance(event, MetricMeasured) and event.metric == metric
        }

    def breakdown(self, name) -> dict[str, dict[str, float]]:
        found = [event for event in self.events if isinstance(event, BreakdownMeasured) and event.metric == name]
        return {event.asset: event.counts for event in found}

    def of(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def run_suite(place: Path, tags=None, **size) -> Ran:
    config = {"resources": {"benchmark_size": {"config": SIZE | size}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_LEDGER_URI", str(place / "ledger"))
        patch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(place / "output"))
        job = defs.resolve_job_def("benchmark_suite")
        gc.freeze()  # Each asset begins with a collection, and what the test session holds is large.
        try:
            result = job.execute_in_process(run_config=config, tags=tags or {})
        finally:
            gc.unfreeze()
    stages = place / "output" / "stages"
    tables = {path.stem: pq.read_table(path) for path in sorted(stages.glob("*.parquet"))}
    entries = from_table(open_store(str(place / "ledger")).read())
    return Ran(result.success, [entry.event for entry in entries], tables)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Ran:
    return run_suite(tmp_path_factory.mktemp("sound"))


FAULTS = {
    "benchmark/slowdown.parsed_awards": "1.5",
    "benchmark/slowdown.ranked_awards": "2.2",
    "benchmark/memory.landed_awards": "1.3",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Ran:
    return run_suite(tmp_path_factory.mktemp("faulty"), FAULTS)


@pytest.fixture(scope="module")
def worse(tmp_path_factory) -> Ran:
    return run_suite(tmp_path_factory.mktemp("worse"), {"benchmark/dropped_matches": "0.03"})


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Ran:
    """A run of another size and another seed."""
    return run_suite(tmp_path_factory.mktemp("other"), awards=500, seed=6)


def test_the_suite_has_at_least_twelve_assets_that_depend_on_each_other():
    graph = defs.resolve_asset_graph()
    suite = {key for key in graph.materializable_asset_keys if graph.get(key).group_name == GROUP}
    assert {key.to_user_string() for key in suite} == ASSETS
    assert len(suite) >= 12
    assert sum(len(graph.get(key).parent_keys) for key in suite) >= 20
    assert len(graph.get(dg.AssetKey("linked_awards")).parent_keys) == 5


def test_every_asset_is_recorded_once_and_after_what_it_reads(sound):
    assert sound.success
    finished = [event.asset for event in sound.of(AssetFinished)]
    assert sorted(finished) == sorted(ASSETS)
    graph = defs.resolve_asset_graph()
    began = {event.asset: sound.events.index(event) for event in sound.of(AssetStarted)}
    ended = {event.asset: sound.events.index(event) for event in sound.of(AssetFinished)}
    for name in ASSETS:
        for parent in graph.get(dg.AssetKey(name)).parent_keys:
            assert ended[parent.to_user_string()] < began[name], name


def test_rows_flow_from_the_files_to_the_archive(sound):
    rows, read = sound.values("rows_out"), sound.values("rows_in")
    assert set(rows) == ASSETS
    assert rows["landed_awards"] == sound.tables["landed_awards"].num_rows == 4 + 4
    assert rows["parsed_awards"] == rows["decoded_details"] == rows["award_terms"] == 1_000
    repeated = sound.values("duplicate_rows")["unique_awards"]
    assert 50 <= repeated <= 200  # One row in twenty repeats the one before; some companies come twice by chance.
    assert rows["unique_awards"] == rows["linked_awards"] == rows["award_history"] == 1_000 - repeated
    assert read["similar_awards"] == sound.tables["identified_awards"].column("key").null_count
    assert sum(sound.tables["company_spending"].column("awards").to_pylist()) == rows["linked_awards"]
    assert rows["archived_awards"] == len(sound.tables["archived_awards"].column("column").unique())


def test_the_match_rate_comes_with_its_counts_and_is_nearly_right(sound):
    rate, matched = sound.values("match_rate")["linked_awards"], sound.values("matched_rows")["linked_awards"]
    assert rate == matched / sound.values("scope_rows")["linked_awards"]
    assert 0.9 <= rate < 1.0
    assert sound.values("precision")["linked_awards"] >= 0.99
    assert sound.values("recall")["linked_awards"] >= 0.95


def test_the_same_seed_gives_the_same_tables_however_slow_and_hungry_and_another_one_others(sound, faulty, other):
    assert faulty.tables.keys() == sound.tables.keys() == ASSETS
    for name, table in sound.tables.items():
        assert table.equals(faulty.tables[name]), name
    assert not other.tables["parsed_awards"].equals(sound.tables["parsed_awards"].slice(0, 500))


def test_without_tags_no_work_is_repeated(sound):
    units = sound.breakdown("work_units")
    assert units.keys() == ASSETS
    assert {counts["extra"] for counts in units.values()} == {0}
    assert sound.breakdown("memory_bytes") == {}


def test_a_slower_asset_does_more_of_the_same_work(faulty):
    units = faulty.breakdown("work_units")
    extra = {name: counts["extra"] / counts["needed"] for name, counts in units.items() if counts["extra"]}
    assert extra == {"parsed_awards": 0.5, "ranked_awards": pytest.approx(1.2, abs=0.001)}


def test_a_hungrier_asset_really_holds_more(faulty, tmp_path):
    def beside(ran) -> float:
        ((name, counts),) = ran.breakdown("memory_bytes").items()
        assert name == "landed_awards"
        return ran.values("peak_increase_bytes")[name] - 1.3 * counts["needed"]

    # Pages that the process had already are found again, which only lowers an increase: the largest of three tells.
    found = [beside(faulty), *(beside(run_suite(tmp_path / number, FAULTS)) for number in ("second", "third"))]
    assert max(found) == pytest.approx(0.0, abs=256 * 1024), found


def test_dropped_matches_are_gone_from_the_rate_and_from_the_table(sound, worse):
    rows = sound.tables["linked_awards"].num_rows
    dropped = round(0.03 * rows)
    rates = [ran.values("match_rate")["linked_awards"] for ran in (sound, worse)]
    assert rates[0] - rates[1] == pytest.approx(dropped / rows)
    kept = worse.tables["linked_awards"]
    assert kept.column("key").null_count - sound.tables["linked_awards"].column("key").null_count == dropped
    assert worse.breakdown("unmatched_reason_rows")["linked_awards"]["dropped"] == dropped


def test_a_faulty_run_stays_comparable_and_another_size_does_not(sound, faulty, worse, other):
    digests = [{event.config_digest for event in ran.of(AssetStarted)} for ran in (sound, faulty, worse, other)]
    assert [len(found) for found in digests] == [1, 1, 1, 1]
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_a_tag_that_names_no_asset_stops_the_run(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no asset 'parsed_award' .* did you mean 'parsed_awards'"):
        run_suite(tmp_path, {"benchmark/slowdown.parsed_award": "1.2"})
