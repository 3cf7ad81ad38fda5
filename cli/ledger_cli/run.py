"""``run``: run a pipeline, record it, and show what it took."""

import os
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option, settings_options

if TYPE_CHECKING:
    from ledger.settings import Settings
    from ledger.store.protocol import LedgerStore
    from ledger_cli.child import Ended


def _tags(ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """Return ``key=value`` words as a mapping."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            message = f"{pair!r} is no key=value"
            raise click.BadParameter(message, ctx, param)
        found[key] = value
    return found


@click.command()
@click.option("-m", "--module", help="Code location. [default: module_name of [tool.dagster] in pyproject.toml]")
@click.option("-j", "--job", help="Job to run; all assets without it.")
@click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated.")
@click.option("--partition", metavar="KEY", help="Partition to run.")
@click.option(
    "-n", "--runs", type=click.IntRange(min=1), default=1, show_default=True, help="How many runs, a process each."
)
@click.option("--executor", type=click.Choice(("in_process", "multiprocess")), help="How steps are executed.")
@click.option("--tag", "tags", multiple=True, callback=_tags, metavar="KEY=VALUE", help="Run tag; may be repeated.")
@click.option(
    "--run-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Dagster run configuration, YAML.",
)
@click.option(
    "--from-failure",
    metavar="RUN",
    help="Execute a failed run again from where it failed: its id, the beginning of it, or latest.",
)
@settings_options
@click.option("--keep-going", is_flag=True, help="With several runs: go on after one that failed.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option("-v", "--verbose", is_flag=True, help="Print Dagster's log afterwards.")
@ledger_option
@format_option("table", "json")
def run(
    *,
    runs: int,
    keep_going: bool,
    quiet: bool,
    verbose: bool,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **wanted: Any,
) -> int:
    """Run a pipeline, record it in the ledger, and show what it took.

    Each run is a process of its own. Progress goes to the error stream, the result to the standard output.
    """
    from ledger.service.project.locate import project_directory
    from ledger.store import open_store
    from ledger_cli.notify import tell

    project = project_directory()
    settings, tags = configured(words, env, ledger_uri)
    wanted["tags"] |= tags
    wanted["from_failure"] = _failed_run(settings, wanted)
    specification = specification_of(project, wanted)
    home = home_of(project)
    store = open_store(settings.ledger_uri, create=True)
    _reconcile(store, quiet=quiet)
    environment = os.environ | {"DAGSTER_HOME": str(home)}
    done: list[str] = []
    code = exit_codes.DONE
    for number in range(runs):
        if runs > 1 and not quiet:
            click.echo(f"run {number + 1} of {runs}", err=True)
        log = log_file(home)
        ended = one_run(store, specification, environment, log, quiet=quiet)
        _reconcile(store, quiet=quiet)
        if verbose:
            click.echo(log.read_text(encoding="utf-8", errors="replace"), err=True)
        if ended.run_id is not None:
            done.append(ended.run_id)
            tell(store, settings, (ended.run_id,))
        if ended.code != exit_codes.DONE:
            code = ended.code
            say_why(ended, log)
            if not keep_going or ended.code != exit_codes.FAILED:
                break
    _report(store, done, form)
    return code


def configured(words: tuple[str, ...], env: str | None, ledger_uri: str | None) -> "tuple[Settings, dict[str, str]]":
    """Return the settings, and the tags that carry what was overridden to the steps of the run."""
    from ledger.service.project.locate import load_settings
    from ledger.service.recording.overrides import override_tags
    from ledger.settings import Placed, from_words

    flags = from_words(words, "--set")
    if ledger_uri is not None:
        flags["ledger_uri"] = Placed(ledger_uri, "--ledger")
    settings = load_settings(flags, env=env).settings
    if "ledger_uri" in flags:  # What a person typed is meant from here, wherever the steps run.
        flags["ledger_uri"] = Placed(settings.ledger_uri, flags["ledger_uri"].source)
    return settings, override_tags(flags, env)


def _failed_run(settings: "Settings", wanted: dict[str, Any]) -> str | None:
    """Return the id of the run that is to be executed again, its job put in where none was named."""
    from ledger.errors import ConfigurationError
    from ledger.service.reading.replay import replay_run
    from ledger.store import open_store

    name = wanted["from_failure"]
    if name is None:
        return None
    if wanted["assets"] or wanted["partition"]:
        message = "--from-failure takes assets and partition from the failed run; leave --asset and --partition away"
        raise ConfigurationError(message)
    row = replay_run(open_store(settings.ledger_uri), name).run.to_pylist()[0]
    if row["status"] == "success":
        message = f"run {row['run_id']} succeeded, so there is nothing to execute again"
        raise ConfigurationError(message)
    if wanted["job"] is None and not str(row["job"]).startswith("__"):
        wanted["job"] = row["job"]
    return str(row["run_id"])


def specification_of(project: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the child is told to run."""
    import yaml

    from ledger.errors import ConfigurationError
    from ledger.service.project.code_location import needed_module

    config: object = {}
    path = wanted["run_config"]
    if path is not None:
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            message = f"{path} is not valid YAML ({' '.join(str(error).split())}); correct the file"
            raise ConfigurationError(message) from error
    if not isinstance(config, dict):
        message = f"{path} must be a mapping (`ops: ...`); correct the file"
        raise ConfigurationError(message)
    return {
        "module": wanted["module"] or needed_module(project),
        "job": wanted["job"],
        "assets": wanted["assets"],
        "partition": wanted["partition"],
        "executor": wanted["executor"],
        "tags": wanted["tags"],
        "run_config": config,
        "from_failure": wanted["from_failure"],
    }


def home_of(project: Path) -> Path:
    """Return Dagster's home, made where nobody set one."""
    from ledger.service.project.home import prepare_home

    return prepare_home(project)


def log_file(home: Path) -> Path:
    """Return a new file for Dagster's log of one run."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}.log"


def one_run(
    store: "LedgerStore", specification: dict[str, Any], environment: Mapping[str, str], log: Path, *, quiet: bool
) -> "Ended":
    """Run once and show its progress."""
    from ledger_cli.child import Follower, run_child
    from ledger_cli.progress import open_display

    launch_id = uuid.uuid4().hex
    ours = {"dagster_ledger/launch_id": launch_id, "dagster_ledger/log": str(log)}
    tagged = specification | {"tags": {**specification["tags"], **ours}}
    display = open_display(quiet=quiet)
    try:
        return run_child(tagged, Follower(store, launch_id, display), environment, log)
    finally:
        display.close()


def launch_quietly(store: "LedgerStore", wanted: Mapping[str, Any], project: Path, logs: Path) -> "Ended":
    """Run once in this project without progress, Dagster's instance and log below a directory of the caller's.

    Args:
        store: The ledger the run is recorded in.
        wanted: ``module``, ``job``, ``run_config`` and ``tags``.
        project: Directory of the project.
        logs: Where Dagster's home goes.
    """
    from ledger.service.project.code_location import needed_module
    from ledger.service.project.home import make_home

    home = logs / "dagster_home"
    make_home(home)
    specification = {"assets": (), "partition": None, "executor": "in_process", "from_failure": None} | {**wanted}
    specification["module"] = specification["module"] or needed_module(project)
    environment = os.environ | {"DAGSTER_HOME": str(home)}
    return one_run(store, specification, environment, log_file(home), quiet=True)


def _reconcile(store: "LedgerStore", *, quiet: bool) -> None:
    """Close attempts that were killed, earlier or just now."""
    from ledger.report.text import printable
    from ledger.service.recording.reconcile import reconcile

    for attempt in reconcile(store):
        if not quiet:
            click.echo(printable(f"lost: {attempt.asset} of run {attempt.run_id[:8]}: {attempt.reason}"), err=True)


def say_why(ended: "Ended", log: Path) -> None:
    """Write one sentence per failure, and where the whole log is."""
    from ledger.report.text import printable

    for sentence in ended.failures or ((ended.error,) if ended.error else ("the run failed",)):
        click.echo(f"dagster-ledger: {printable(sentence, 600)}", err=True)
    if ended.code == exit_codes.FAILED:
        click.echo(f"Dagster's log: {log}", err=True)


def _report(store: "LedgerStore", run_ids: list[str], form: str) -> None:
    """Write the result: one run in detail, or the summary of several."""
    from ledger.service.reading.replay import replay_run, replay_summary

    if len(run_ids) == 1:
        from ledger_cli.show import write_json, write_story

        story = replay_run(store, run_ids[0])
        (write_json if form == "json" else write_story)(story)
    elif run_ids:
        from ledger.report import json, table
        from ledger_cli import tables
        from ledger_cli.options import terminal_width

        summary = replay_summary(store, run_ids)
        if form == "json":
            json.write(summary, sys.stdout)
        else:
            table.write(summary, tables.SUMMARY, sys.stdout, columns_wide=terminal_width())
