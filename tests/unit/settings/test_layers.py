"""Layers of settings: every mistake is told at once with its place, and every value knows where it came from."""

from itertools import pairwise

import pytest

from ledger.errors import ConfigurationError
from ledger.settings import Placed, Settings, from_words, parse_yaml, resolve

BOMB = "\n".join(
    [
        "limits:",
        "  a: &a {x: 1}",
        *(
            f"  {key}: &{key} {{{', '.join(f'{n}: *{above}' for n in range(10))}}}"
            for above, key in pairwise("abcdefghi")
        ),
    ]
)
"""A few hundred bytes that stand for as many values as fit into no memory."""

SECRET = "https://hooks.example.org/T0/secret"  # noqa: S105 - not one


def problems(text="", environ=None, flags=None):
    """Return the sentences that a wrong configuration gets."""
    with pytest.raises(ConfigurationError) as raised:
        resolve([parse_yaml(text, "base.yaml")], environ, flags)
    return str(raised.value).split("; ")


def test_all_mistakes_of_all_layers_are_told_at_once_each_with_its_place():
    told = problems(
        "chunk_sise: 4\nheartbeat_s: 0\nlimits:\n  a:\n    duration: {max: 1}\n",
        {"DAGSTER_LEDGER_CHNK_SIZE": "4", "DAGSTER_LEDGER_PRECISION_THRESHOLD": "1.5"},
        from_words(["on_ledger_error=perhaps"], "--set"),
    )
    text = "; ".join(told)
    for start in (
        "base.yaml:1:1: there is no setting 'chunk_sise'; did you mean 'chunk_size'?",
        "base.yaml:2:1: heartbeat_s is 0, but input should be greater than or equal to 1",
        "base.yaml:5:16: there is no metric 'duration'; did you mean 'duration_s'?",
        "$DAGSTER_LEDGER_CHNK_SIZE: there is no setting 'chnk_size'; did you mean 'chunk_size'?",
        "$DAGSTER_LEDGER_PRECISION_THRESHOLD: precision_threshold is 1.5, but input should be less than or equal to 1",
        "--set: on_ledger_error is 'perhaps', but input should be 'fail' or 'warn'",
    ):
        assert start in text


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_with_one_letter_wrong_is_told_the_right_one(name):
    told = problems(f"{name[:-1]}: 1\n")
    assert any(f"did you mean {name!r}?" in sentence for sentence in [*told, "; ".join(told)])


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_value_of_the_wrong_kind_is_told_with_its_place_whatever_the_setting(name):
    told = problems(f"\n{name}: {{no: {{such: {{thing: [1]}}}}}}\n")
    assert all(sentence.startswith(("base.yaml:2:", "known: ", "did you mean")) for sentence in told)


def test_a_setting_far_from_every_name_is_answered_with_the_names_there_are():
    assert "known: alert_critical_breach, alert_error_breach" in "; ".join(problems("zzzzz: 1\n"))


def test_an_entry_that_lacks_something_is_named_with_its_place():
    told = problems("metrics:\n  tokens:\n    unit: count\n    kind: size\n")
    assert told == [
        "base.yaml:3:5: metrics.tokens.direction is missing",
        "base.yaml:3:5: metrics.tokens.description is missing",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chunk_size: 1\n\n  heartbeat_s: 2", "base.yaml:3:14: not valid YAML"),
        ("chunk_size: 5\noutput_dir: a\x07b", "base.yaml:2:14: not valid YAML (special characters are not allowed)"),
        ("chunk_size: *nothing", "base.yaml:1:13: not valid YAML (found undefined alias 'nothing')"),
        ("chunk_size: 1\n---\nchunk_size: 2", "base.yaml:2:1: not valid YAML"),
        ("heartbeat_s: 5\noutput_dir: 2026-02-30", "base.yaml:2:1: the value cannot be read (day is out of range"),
        ("output_dir: !python/name:os.system x", "base.yaml:1:1: the value cannot be read (could not determine a"),
        ("chunk_size: !!int many", "base.yaml:1:1: the value cannot be read (invalid literal"),
        ("limits: &all {a: *all}", "base.yaml: settings are nested without end"),
        (BOMB, "base.yaml: aliases make more than 100,000 values of it"),
        ("just words", "base.yaml: the file must be a mapping"),
        ("limits:\n  a: {}\n  a: {}", "base.yaml:3:3: 'limits.a' is already set at base.yaml:2:3"),
    ],
)
def test_a_file_that_cannot_be_read_as_settings_is_told_with_line_and_column(text, sentence):
    with pytest.raises(ConfigurationError) as raised:
        parse_yaml(text, "base.yaml")
    assert str(raised.value).startswith(sentence)


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert parse_yaml("\ufeffchunk_size: 3", "f")["chunk_size"].value == 3


def test_a_limit_asks_for_one_bound_of_the_two():
    for bounds in ("{}", "{max: 1, min: 0}"):
        (told,) = problems(f"limits:\n  a:\n    cpu_s: {bounds}\n")
        assert told.startswith("base.yaml:3:")
        assert told.endswith("give max or min, one of the two")


def test_bands_that_descend_are_refused():
    assert "alert_critical_breach must not be below" in "; ".join(problems("alert_critical_breach: 0.05\n"))


def test_a_metric_the_project_declares_may_have_limits_and_a_misspelt_one_may_not():
    declared = "metrics:\n  tokens: {unit: count, direction: neutral, kind: size, description: d}\n"
    resolved = resolve([parse_yaml(declared + "limits:\n  a:\n    tokens: {max: 5}\n", "f")])
    assert resolved.settings.limits_of("a")["tokens"].max == 5.0
    assert [metric.name for metric in resolved.settings.declared_metrics()] == ["tokens"]
    assert "did you mean 'tokens'" in "; ".join(problems(declared + "limits:\n  a:\n    tokans: {max: 5}\n"))


def test_every_setting_has_a_source_and_entries_of_mappings_have_their_own():
    base = parse_yaml("chunk_size: 5\nlimits:\n  a:\n    cpu_s: {max: 1}\n    duration_s: {max: 1}\n", "base.yaml")
    over = parse_yaml("limits:\n  a:\n    cpu_s: {max: 2}\n", "prod.yaml")
    resolved = resolve([base, over], {"DAGSTER_LEDGER_HEARTBEAT_S": "5"}, {"limits.b.cpu_s.max": Placed(3, "--set")})
    assert {path.partition(".")[0] for path in resolved.sources} == set(Settings.model_fields)
    assert resolved.sources["chunk_size"] == "base.yaml:1:1"
    assert resolved.sources["recall_threshold"] == "default"
    assert {path: source for path, source in resolved.sources.items() if path.startswith("limits")} == {
        "limits.a.cpu_s.max": "prod.yaml:3:13",
        "limits.a.duration_s.max": "base.yaml:5:18",
        "limits.b.cpu_s.max": "--set",
    }
    assert resolved.overrides() == {"heartbeat_s": "$DAGSTER_LEDGER_HEARTBEAT_S", "limits.b.cpu_s.max": "--set"}
    assert resolved.value_at("limits.a.cpu_s.max") == 2.0
    assert resolved.value_at("limits.a.nothing.max") is None


def test_an_empty_mapping_takes_away_what_weaker_layers_said():
    base = parse_yaml("limits:\n  a:\n    cpu_s: {max: 1}\n", "base.yaml")
    for layer in ("limits: {}\n", "limits:\n"):
        resolved = resolve([base, parse_yaml(layer, "prod.yaml")])
        assert resolved.settings.limits == {}
        assert resolved.sources["limits"] == "prod.yaml:1:1"
        assert "limits.a.cpu_s.max" not in resolved.sources


def test_of_two_files_the_last_one_wins_and_says_so():
    files = [parse_yaml(f"chunk_size: {size}\n", f"{size}.yaml") for size in (3, 1, 2)]
    resolved = resolve(files)
    assert (resolved.settings.chunk_size, resolved.sources["chunk_size"]) == (2, "2.yaml:1:1")


def test_text_settings_are_taken_as_written_and_others_as_yaml():
    found = from_words(["output_dir=007", "chunk_size=7", "notify_min_severity=error"], "--set")
    assert [entry.value for entry in found.values()] == ["007", 7, "error"]
    assert from_words(["input_dir=a=b"], "--set")["input_dir"].value == "a=b"


@pytest.mark.parametrize("value", ["2026-02-30", "[1", "!tag 3", "\x07", ""])
def test_a_typed_value_that_is_no_yaml_is_told_like_any_other_wrong_value(value):
    (told,) = problems(flags=from_words([f"chunk_size={value}"], "--set"))
    assert told.startswith("--set: chunk_size is ")


@pytest.mark.parametrize("word", ["chunk_size", "=5", ""])
def test_a_word_without_name_and_value_is_refused_with_an_example(word):
    with pytest.raises(ConfigurationError, match="give it as key=value, for instance --set chunk_size=5000"):
        from_words([word], "--set")


@pytest.mark.parametrize("name", ["notify_webhook_urls", "notify_commands"])
def test_a_secret_is_neither_taken_from_a_command_line_nor_shown_nor_told_in_an_error(name):
    with pytest.raises(ConfigurationError, match=f"set DAGSTER_LEDGER_{name.upper()} instead") as raised:
        from_words([f"{name}=[{SECRET}]"], "--set")
    assert SECRET not in str(raised.value)
    variable = f"DAGSTER_LEDGER_{name.upper()}"
    shown = resolve(environ={variable: f'["{SECRET}"]'}).shown()
    assert SECRET not in str(shown)
    assert shown[name] == "(secret)"
    for wrong in (f'"{SECRET}"', f'{{a: "{SECRET}"}}', f'[["{SECRET}"]]'):
        assert SECRET not in "; ".join(problems(environ={variable: wrong}))


def test_variables_that_choose_files_or_belong_to_others_are_no_settings():
    environ = {"DAGSTER_LEDGER_CONFIG": "x", "DAGSTER_LEDGER_ENV": "y", "DAGSTER_HOME": "z", "CHUNK_SIZE": "1"}
    environ["DAGSTER_LEDGER_PROTECTED_REF"] = "main"
    assert resolve(environ=environ).sources == resolve().sources


def test_resolved_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        resolve().settings.chunk_size = 1  # type: ignore[misc]
