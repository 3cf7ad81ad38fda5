"""Where project, configuration and ledger are found, and from where a relative place is meant."""

import pytest
import yaml

from ledger.errors import ConfigurationError
from ledger.service.project.locate import ledger_uri, load_settings, project_directory, settings_digest
from ledger.settings import Placed, Settings, from_words, resolve

PLACES = ("ledger_uri", "input_dir", "output_dir")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with configuration, and a working directory below it."""
    config = tmp_path / "project" / "config"
    config.mkdir(parents=True)
    (config / "base.yaml").write_text("chunk_size: 5\nlimits:\n  a:\n    cpu_s: {max: 1}\n")
    (config / "prod.yaml").write_text("limits:\n  a:\n    cpu_s: {max: 2}\n")
    (config / "dev.yaml").write_text("recall_threshold: 0.5\n")
    here = tmp_path / "project" / "src" / "deep"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    return tmp_path / "project"


def test_the_nearest_directory_upwards_that_holds_the_configuration_is_the_project(project):
    inner = project / "src"
    assert project_directory() == project
    assert project_directory(inner / "deep") == project
    (inner / "config").mkdir()
    assert project_directory() == project  # A directory named config is not enough.
    (inner / "config" / "base.yaml").touch()
    assert project_directory() == inner
    assert project_directory(project) == project


def test_without_configuration_the_working_directory_is_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert project_directory() == tmp_path
    assert load_settings().settings.ledger_uri == str(tmp_path / ".ledger")
    assert load_settings().sources["ledger_uri"] == "default"


@pytest.mark.parametrize("name", PLACES)
def test_a_written_place_is_meant_from_the_project_and_a_typed_one_from_the_working_directory(project, name):
    variable = {"ledger_uri": "DAGSTER_LEDGER_URI"}.get(name, f"DAGSTER_LEDGER_{name.upper()}")
    here = project / "src" / "deep"

    def place(flags=None, **environ):
        return getattr(load_settings(flags, environ=environ).settings, name)

    default = Settings.model_fields[name].default
    assert place() == (str(project / default) if default else "")
    (project / "config" / "base.yaml").write_text(f"{name}: written\n")
    assert place() == str(project / "written")
    assert place(**{variable: "typed"}) == str(here / "typed")
    assert place({name: Placed("flagged", "--set")}, **{variable: "typed"}) == str(here / "flagged")
    for absolute in ("/elsewhere", "file:///elsewhere"):
        assert place(**{variable: absolute}) == absolute


def test_a_tilde_is_the_home_of_the_user(project, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ledger_uri("~/ledger") == str(tmp_path / "home" / "ledger")


def test_an_environment_is_laid_over_the_base_file_and_a_named_one_is_stronger_than_the_variable(project):
    def limit(env=None, **environ):
        resolved = load_settings(env=env, environ=environ)
        assert resolved.settings.chunk_size == 5
        return resolved.value_at("limits.a.cpu_s.max"), resolved.sources["limits.a.cpu_s.max"]

    assert limit() == (1.0, "config/base.yaml:4:13")
    assert limit("prod") == (2.0, "config/prod.yaml:3:13")
    assert limit(DAGSTER_LEDGER_ENV="prod") == (2.0, "config/prod.yaml:3:13")
    assert limit("dev", DAGSTER_LEDGER_ENV="prod") == (1.0, "config/base.yaml:4:13")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("prd", "did you mean 'prod'?"),
        ("staging-area", "known: dev, prod"),
        ("base", "known: dev, prod"),
        ("../config/prod", "there is no environment '../config/prod' beside config/base.yaml"),
    ],
)
def test_an_environment_without_a_file_is_refused_with_those_there_are(project, name, sentence):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environ={"DAGSTER_LEDGER_ENV": name})
    assert sentence in str(raised.value)


def test_a_file_named_by_variable_replaces_the_base_file_and_brings_its_own_environments(project, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.yaml").write_text("chunk_size: 7\n")
    (other / "night.yaml").write_text("chunk_size: 8\n")
    environ = {"DAGSTER_LEDGER_CONFIG": str(other / "mine.yaml")}
    resolved = load_settings(environ=environ)
    assert resolved.settings.limits == {}
    assert (resolved.settings.chunk_size, resolved.sources["chunk_size"]) == (7, f"{other / 'mine.yaml'}:1:1")
    assert load_settings(env="night", environ=environ).settings.chunk_size == 8
    with pytest.raises(ConfigurationError, match="known: night"):
        load_settings(env="prod", environ=environ)


def test_a_file_that_cannot_be_read_is_told_with_the_reason_and_what_to_do(project):
    base = project / "config" / "base.yaml"
    for name, reason in ((str(project / "gone.yaml"), "No such file"), (str(project / "config"), "Is a directory")):
        with pytest.raises(ConfigurationError, match=f"{name}.*{reason}.*name another with DAGSTER_LEDGER_CONFIG"):
            load_settings(environ={"DAGSTER_LEDGER_CONFIG": name})
    base.write_bytes("# Gr\u00fc\u00dfe\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"base\.yaml: .* not UTF-8 text \(byte 4\); save it as UTF-8"):
        load_settings()


def test_an_environment_file_with_a_mistake_is_the_one_that_is_named(project):
    (project / "config" / "prod.yaml").write_text("\nchunk_size: 0\nrecal_threshold: 1\n")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(env="prod")
    assert "config/prod.yaml:2:1: chunk_size is 0" in str(raised.value)
    assert "config/prod.yaml:3:1: there is no setting 'recal_threshold'" in str(raised.value)


KEEPING = {"ledger_seal_appends", "ledger_compact_appends", "ledger_grace_s"}
NOT_COMPARED = {
    *PLACES,
    *KEEPING,
    "dask_scheduler",
    "notify_webhook_urls",
    "notify_commands",
    "report_url",
    "regression",
    "monitoring",
    "readiness_off",
}
OTHER = {
    "limits": "{a: {cpu_s: {max: 1}}}",
    "metrics": "{m: {unit: s, direction: neutral, kind: time, description: d}}",
    "notify_webhook_urls": "[x]",
    "notify_commands": "[x]",
    "report_url": "https://a/",
    "readiness_off": "[trends_hold]",
    "regression": "{limits: {time: 0.5}}",
    "monitoring": "{stale_after_s: 5.0}",
    "on_ledger_error": "warn",
    "on_chunk_failure": "quarantine",
    "chunk_executor": "processes",
    "chunk_workers": "2",
    "dask_scheduler": "tcp://elsewhere:8786",
    "chunk_retries": "3",
    "notify_min_severity": "error",
    **dict.fromkeys(PLACES, "/elsewhere"),
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_digest_changes_with_every_setting_but_places_and_secrets(name):
    field = Settings.model_fields[name]
    text = OTHER.get(name) or yaml.safe_dump(type(field.default)(field.default * 1.02)).splitlines()[0]
    variable = "DAGSTER_LEDGER_URI" if name == "ledger_uri" else f"DAGSTER_LEDGER_{name.upper()}"
    changed = resolve(environ={variable: text})
    assert getattr(changed.settings, name) != field.get_default(call_default_factory=True)
    assert (settings_digest(changed) == settings_digest(resolve())) == (name in NOT_COMPARED)


def test_the_digest_is_the_same_however_a_value_was_said_and_in_whatever_order():
    words = ["chunk_size=5", "limits.a.cpu_s.max=1", "limits.b.cpu_s.max=1.0"]
    digests = {
        settings_digest(resolve(flags=from_words(words, "--set"))),
        settings_digest(resolve(flags=from_words(reversed(words), "--set"))),
        settings_digest(
            resolve(
                environ={"DAGSTER_LEDGER_CHUNK_SIZE": "0x5", "DAGSTER_LEDGER_LIMITS": "{b: {cpu_s: {max: 1}}}"},
                flags=from_words(words[1:2], "--set"),
            )
        ),
    }
    assert len(digests) == 1
    assert settings_digest(resolve(), {}) == settings_digest(resolve())
    assert settings_digest(resolve(), {"a": 1, "b": 2}) == settings_digest(resolve(), {"b": 2, "a": 1})
