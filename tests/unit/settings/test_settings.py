"""Settings: precedence for every field, provenance, and that the base file lists them all."""

import json
from pathlib import Path

import pytest
import yaml

from ledger.errors import ConfigurationError
from ledger.service.gate.policy import policy_of
from ledger.service.project.locate import ledger_uri, load_settings, project_directory, settings_digest
from ledger.service.recording.overrides import OVERRIDES_TAG, flags_of, override_tags
from ledger.settings import (
    MetricLimit,
    MonitoringSettings,
    Placed,
    RegressionSettings,
    Settings,
    from_words,
    parse_yaml,
    resolve,
    severity_of,
)
from ledger.settings.regression import KindLimits
from ledger.stats.records import Policy

ROOT = Path(__file__).parents[3]
METRIC = {"m": {"unit": "s", "direction": "neutral", "kind": "time", "description": "d"}}
OTHERS = {
    "ledger_uri": ("file:///a", "file:///b", "file:///c"),
    "input_dir": ("/a", "/b", "/c"),
    "output_dir": ("/a", "/b", "/c"),
    "on_ledger_error": ("warn", "fail", "warn"),
    "on_chunk_failure": ("quarantine", "fail", "quarantine"),
    "chunk_executor": ("processes", "in_process", "processes"),
    "chunk_workers": (2, 3, 4),
    "dask_scheduler": ("tcp://a:1", "tls://b:2", "tcp://c:3"),
    "chunk_retries": (3, 4, 5),
    "notify_min_severity": ("error", "critical", "warning"),
    "notify_webhook_urls": (["http://a"], ["http://b"], ["http://c"]),
    "notify_commands": (["a"], ["b"], ["c"]),
    "report_url": ("http://a/", "http://b/", "http://c/"),
    "readiness_off": (["a"], ["b"], ["c"]),
    "limits": tuple({"a": {"duration_s": {"max": bound}}} for bound in (1.0, 2.0, 3.0)),
    "regression": tuple(
        RegressionSettings(candidate_runs=runs).model_dump()
        | {"limits": {**KindLimits().model_dump(), "time": 0.1 * runs}}
        for runs in (3, 4, 6)
    ),
    "monitoring": tuple(MonitoringSettings(stale_after_s=float(age)).model_dump() for age in (1, 2, 3)),
    "metrics": tuple({"m": METRIC["m"] | {"description": text}} for text in "abc"),
}


def three_values(name):
    """Return three valid values of a setting that differ."""
    if name in OTHERS:
        return OTHERS[name]
    default = Settings.model_fields[name].default
    return tuple(type(default)(default * factor) for factor in (1.02, 1.04, 1.05))


def variable(name):
    return "DAGSTER_LEDGER_URI" if name == "ledger_uri" else f"DAGSTER_LEDGER_{name.upper()}"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_command_line_is_stronger_than_environment_than_file_than_default(name):
    in_file, in_environment, on_line = three_values(name)
    file = parse_yaml(yaml.safe_dump({name: in_file}), "base.yaml")
    environ = {variable(name): in_environment if isinstance(in_environment, str) else json.dumps(in_environment)}
    flags = {name: Placed(on_line, "--set")}

    def held(*layers):
        resolved = resolve(*layers)
        entry = resolved.settings.model_dump(mode="json", exclude_none=True)[name]
        return entry, {source for path, source in resolved.sources.items() if path.partition(".")[0] == name}

    assert held() == (Settings().model_dump(mode="json")[name], {"default"})
    from_file, sources = held([file])
    assert from_file == in_file
    assert all(source.startswith("base.yaml:") for source in sources)
    assert held([file], environ) == (in_environment, {f"${variable(name)}"})
    assert held([file], environ, flags) == (on_line, {"--set"})


def test_the_base_file_lists_every_setting_with_its_default():
    written = yaml.safe_load((ROOT / "config" / "base.yaml").read_text())
    assert written == Settings().model_dump(mode="json")


def test_every_setting_says_what_it_is():
    assert all(field.description for field in Settings.model_fields.values())


def test_a_key_twice_and_broken_yaml_are_told_with_their_place():
    with pytest.raises(ConfigurationError, match=r"f.yaml:2:1: 'chunk_size' is already set at f.yaml:1:1"):
        parse_yaml("chunk_size: 1\nchunk_size: 2\n", "f.yaml")
    with pytest.raises(ConfigurationError, match=r"f.yaml:1:\d+: not valid YAML"):
        parse_yaml("chunk_size: [1", "f.yaml")
    with pytest.raises(ConfigurationError, match="must be a mapping"):
        parse_yaml("- 1", "f.yaml")
    assert parse_yaml("", "f.yaml") == {}


def test_a_place_in_a_file_is_meant_from_the_project_and_a_typed_one_from_here(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "base.yaml").write_text("ledger_uri: records\n")
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project_directory() == tmp_path
    assert ledger_uri() == str(tmp_path / "records")
    assert ledger_uri("here") == str(below / "here")
    monkeypatch.setenv("DAGSTER_LEDGER_URI", "there")
    assert ledger_uri() == str(below / "there")


def test_another_file_can_be_named_and_must_be_readable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_LEDGER_CONFIG", str(tmp_path / "mine.yaml"))
    with pytest.raises(ConfigurationError, match=r"mine\.yaml: the configuration cannot be read"):
        load_settings()
    (tmp_path / "mine.yaml").write_bytes(b"chunk_size: \xff\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load_settings()
    (tmp_path / "mine.yaml").write_text("chunk_size: 7\n")
    assert load_settings().settings.chunk_size == 7


def test_the_digest_changes_with_what_makes_runs_differ_and_not_with_places_or_secrets():
    def digest(*words, run_config=None, **environ):
        named = {f"DAGSTER_LEDGER_{name}": value for name, value in environ.items()}
        return settings_digest(resolve((), named, from_words(words, "--set")), run_config)

    assert digest() == digest("output_dir=/elsewhere", NOTIFY_COMMANDS="[x]")
    assert len({digest(), digest("chunk_size=5"), digest(run_config={"ops": {}}), digest("limits.a.cpu_s.max=1")}) == 4


def test_overrides_survive_the_way_through_run_tags():
    flags = from_words(["chunk_size=5", "limits.a.cpu_s.max=2"], "--set")
    tags = override_tags(flags, "prod")
    assert flags_of(tags) == flags
    assert tags["dagster_ledger/env"] == "prod"
    assert override_tags({}, None) == {}
    by_hand = flags_of({OVERRIDES_TAG: '{"chunk_size": 9}'})
    assert by_hand["chunk_size"].value == 9
    for text in ("nonsense", "[1]", "3"):
        with pytest.raises(ConfigurationError, match="must be a JSON object"):
            flags_of({OVERRIDES_TAG: text})


def test_how_grave_a_breach_is_follows_from_its_size():
    at_most, at_least = MetricLimit(max=100.0), MetricLimit(min=0.8)
    assert at_most.breach_ratio(100.0) is None
    assert at_most.breach_ratio(125.0) == pytest.approx(0.25)
    assert at_least.breach_ratio(0.8) is None
    assert at_least.breach_ratio(0.4) == pytest.approx(0.5)
    assert MetricLimit(max=0.0).breach_ratio(1.0) == float("inf")
    assert [severity_of(size, 0.1, 0.25) for size in (0.001, 0.0999, 0.1, 0.2499, 0.25, 9.0)] == [
        "warning", "warning", "error", "error", "critical", "critical",
    ]  # fmt: skip


def test_limits_of_an_asset_are_its_own_then_those_of_all_then_the_thresholds():
    settings = resolve(
        flags=from_words(
            ["limits.*.duration_s.max=9", "limits.a.duration_s.max=3", "match_rate_threshold=0.5"], "--set"
        )
    ).settings
    assert settings.limits_of("a")["duration_s"].max == 3.0
    assert settings.limits_of("b")["duration_s"].max == 9.0
    assert settings.limits_of("b")["match_rate"].min == 0.5
    assert settings.limits_of("b")["peak_rss_bytes"].max == 2048 * 1024**2


def test_the_gate_tolerates_by_default_what_its_statistics_do():
    assert policy_of(RegressionSettings()) == Policy()


def test_what_regression_settings_may_hold_is_checked_together():
    for words, told in (
        (["regression.critical_from=0.5"], "critical_from must not be below"),
        (["regression.require=[a]"], "is no asset:metric"),
        (["regression.limits.time=0"], "regression.limits.time is 0"),
        (["regression.limit.time=1"], "regression.limit"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            resolve(flags=from_words(words, "--set"))
    assert resolve(flags=from_words(["regression.limits.time=0.3"], "--set")).settings.regression.limits.memory == 0.2


def test_a_word_that_a_setting_does_not_know_is_told_with_the_one_that_was_meant():
    with pytest.raises(ConfigurationError) as raised:
        resolve(flags=from_words(["chunk_executor=proceses", "dask_scheduler=localhost"], "--set"))
    assert "chunk_executor is 'proceses', but input should be" in str(raised.value)
    assert "did you mean processes?" in str(raised.value)
    assert "dask_scheduler is 'localhost', but it must be an address, such as tcp://scheduler:8786" in str(raised.value)
    with pytest.raises(ConfigurationError, match="chunk_executor is dask, but dask_scheduler names no scheduler"):
        resolve(flags=from_words(["chunk_executor=dask"], "--set"))
