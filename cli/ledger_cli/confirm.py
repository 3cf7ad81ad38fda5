"""``confirm``: run what regressed again, and judge the fresh runs only."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ledger_cli import exit_codes, gating
from ledger_cli.options import format_option
from ledger_cli.reports import Target, choice_words, report_option, write_reports

if TYPE_CHECKING:
    from ledger.report.gate import GateAnswer
    from ledger.service.gate.verdicts import Recorded, Suspect
    from ledger.store.protocol import LedgerStore


@click.command()
@click.option("-m", "--module", help="Code location. [default: module_name of [tool.dagster] in pyproject.toml]")
@click.option("-j", "--job", help="Job that was judged. [default: that of the last gate]")
@click.option(
    "-n", "--runs", type=click.IntRange(min=2), help="How many fresh runs. [default: setting regression.confirm_runs]"
)
@click.option("--executor", type=click.Choice(("in_process", "multiprocess")), help="How steps are executed.")
@click.option(
    "--run-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Dagster run configuration, YAML. [default: that of the newest judged run, where Dagster still knows it]",
)
@click.option("--whole-job", is_flag=True, help="Run the whole job, not only the suspects and what they need.")
@gating.exit_options
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@report_option
@gating.where_options
@format_option("text", "json")
def confirm(  # noqa: PLR0913 - one parameter per option
    *,
    job: str | None,
    runs: int | None,
    whole_job: bool,
    fail_on: tuple[str, ...],
    exit_zero: bool,
    quiet: bool,
    reports: tuple[Target, ...],
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    form: str,
    **wanted: Any,
) -> int:
    """Run what the last gate suspects again, a process per run, and judge the fresh runs only.

    Exit codes are those of `gate`: 1 where a regression is confirmed, 3 where nothing could be decided.
    """
    from ledger.report.text import printable
    from ledger.service.gate.verdicts import latest, settings_tags, suspects
    from ledger.service.reading.choosing import CONFIRMS_TAG
    from ledger.store import open_store
    from ledger_cli.run import configured

    gating.check_outputs(reports, form)
    settings, tags = configured(words, env, ledger_uri)
    store = open_store(settings.ledger_uri)
    last = store.consult(lambda view: latest(view, job))
    found = suspects(last.event)
    if not found:
        said = f"nothing to confirm: the last gate said {last.event.outcome} and suspects nothing"
        click.echo(printable(said), err=form == "json" or bool(reports))
        return exit_codes.DONE
    count = runs or settings.regression.confirm_runs
    tags = store.consult(lambda view: settings_tags(view, last.event)) | tags | {CONFIRMS_TAG: last.verdict_id}
    wanted |= {"job": last.event.job, "tags": tags, "whole_job": whole_job, "judged": last.event.candidate_run_ids[-1:]}
    fresh = _fresh_runs(store, found, wanted, count, quiet=quiet)
    if len(fresh) < count * len({one.partition for one in found}):
        click.echo("dagster-ledger: not every fresh run ended well, so nothing was judged; see above", err=True)
        return exit_codes.FAILED
    return _judge(store, last, found, fresh, (words, env), (fail_on, exit_zero, form, reports))


def _judge(
    store: "LedgerStore",
    last: "Recorded",
    found: "tuple[Suspect, ...]",
    fresh: list[str],
    configured: tuple[tuple[str, ...], str | None],
    shown: tuple[tuple[str, ...], bool, str, tuple[Target, ...]],
) -> int:
    """Judge the fresh runs, record and write what came out, and return the exit code."""
    from ledger.service.gate.baseline_words import parse_baseline
    from ledger.service.gate.regression import Question, ask
    from ledger.service.gate.verdicts import record
    from ledger.service.reading.choosing import Choice
    from ledger_cli.notify import tell

    settings, registry, project = gating.loaded(*configured)
    question = Question(
        candidate=Choice(names=tuple(fresh)),
        baseline=parse_baseline(last.event.baseline),
        only=frozenset((one.asset, one.metric) for one in found),
        earlier_than=last.event.candidate_run_ids,
    )
    answer = store.consult(lambda view: ask(view, question, settings.regression, registry, project))
    fail_on, exit_zero, form, reports = shown
    gating.write(answer, form, reports=reports)
    _say(answer, form, gating.people(reports))
    write_reports(reports, answer, store, choice_words({"candidates": fresh}, answer))
    record(store, answer, confirms=last.verdict_id)
    tell(store, settings, answer.candidate_run_ids)
    return gating.code_of(answer, fail_on, exit_zero=exit_zero)


def _say(answer: "GateAnswer", form: str, out: TextIO) -> None:
    """Write what was confirmed and what was not; beside a document for programs it is left out."""
    from ledger.report.text import printable
    from ledger.verdict import name_of

    words = {"regressed": "confirmed", "ok": "not confirmed", "improved": "not confirmed"}
    told: dict[str, list[str]] = {}
    for finding in answer.worst_first():
        told.setdefault(words.get(finding.state, "undecided"), []).append(name_of(finding))
    if form != "json":
        out.writelines(printable(f"{word}: {', '.join(names)}", 2000) + "\n" for word, names in told.items())


def _fresh_runs(
    store: "LedgerStore",
    found: "tuple[Suspect, ...]",
    wanted: dict[str, Any],
    count: int,
    *,
    quiet: bool,
) -> list[str]:
    """Run the suspects again, each partition so many times, and return the runs that ended well."""
    from ledger.service.project.locate import project_directory
    from ledger_cli import run as running

    project = project_directory()
    home = running.home_of(project)
    environment = os.environ | {"DAGSTER_HOME": str(home)}
    config = {} if wanted["run_config"] else _config_of(wanted["judged"], home, wanted["executor"])
    done: list[str] = []
    for partition in sorted({one.partition for one in found}, key=lambda name: name or ""):
        named = tuple(sorted({one.asset for one in found if one.partition == partition}))
        of_job = wanted["job"]
        job = None if of_job is None or of_job.startswith("__") else of_job
        asked = {**wanted, "job": job, "assets": (), "partition": partition, "from_failure": None}
        specification = running.specification_of(project, asked)
        specification["run_config"] = specification["run_config"] or config
        if not wanted["whole_job"]:
            specification["assets"] = _needed(specification["module"], job, named)
        for number in range(count):
            if not quiet:
                click.echo(f"run {number + 1} of {count}: {', '.join(named)}", err=True)
            log = running.log_file(home)
            ended = running.one_run(store, specification, environment, log, quiet=quiet)
            if ended.code != exit_codes.DONE or ended.run_id is None:
                running.say_why(ended, log)
                return done
            done.append(ended.run_id)
    return done


def _config_of(judged: tuple[str, ...], home: Path, executor: str | None) -> dict[str, object]:
    """Return the run configuration of the judged run, without its executor where another one is asked for."""
    from ledger.dagster.kept import kept_run_config

    kept = next((kept_run_config(home, run_id) for run_id in judged), None)
    if kept is None:
        click.echo(
            f"dagster-ledger: Dagster in {home} does not know the judged run, so the fresh ones get no run"
            " configuration; give its file with --run-config where it had one",
            err=True,
        )
    return {name: value for name, value in (kept or {}).items() if name != "execution" or executor is None}


def _needed(module: str, job: str | None, suspects: tuple[str, ...]) -> tuple[str, ...]:
    """Return the suspects and what they need; steps that make several assets or none are run with the whole job."""
    import warnings

    import dagster as dg

    from ledger.dagster.location import resolve_job
    from ledger.dagster.step import ancestors

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's remarks on the project stand in the log of each run.
        resolved = resolve_job(module, job)
    known = {key.to_user_string() for key in resolved.asset_layer.executable_asset_keys}
    if not set(suspects) <= known:
        return ()
    above = {name for asset in suspects for name in ancestors(resolved, dg.AssetKey.from_user_string(asset))}
    return tuple(sorted({*suspects, *above} & known))
