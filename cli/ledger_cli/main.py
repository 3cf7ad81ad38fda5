"""The entry point: lazy commands, and errors as one sentence with the right exit code.

Rules:
- ``--help`` and completion import click and nothing heavier; each command imports what it needs when it runs.
- No traceback reaches a user: known errors are one sentence, unknown ones are named and asked to be reported;
  ``--debug`` shows the traceback.
"""

import importlib
import os
import sys
from typing import Any, Final

import click

from ledger.errors import LedgerError
from ledger.names import no_such
from ledger_cli import exit_codes
from ledger_cli.hidden_pandas import hide_pandas

PROGRAM: Final = "dagster-ledger"

COMMANDS: Final = {
    "run": ("ledger_cli.run:run", "Run a pipeline, record it, and show what it took."),
    "watch": ("ledger_cli.watch:watch", "Watch a run that is under way, from any terminal that can read its ledger."),
    "show": ("ledger_cli.show:show", "Show the latest runs, or one run in detail."),
    "samples": ("ledger_cli.samples:samples", "Give measured values: one per asset, metric and run."),
    "trend": ("ledger_cli.trend:trend", "Tell where metrics are heading, and when they took another level."),
    "report": ("ledger_cli.report:report", "Write trends, gate and readiness into one file to look at."),
    "serve": ("ledger_cli.serve:serve", "Show the report in a browser, with the progress of what runs."),
    "calibrate": ("ledger_cli.calibrate:calibrate", "Gate the ledger's own runs and count the false alarms."),
    "events": ("ledger_cli.events:events", "List the events themselves, or follow them as they come."),
    "smoke": ("ledger_cli.smoke:smoke", "Run the pipeline on known input and check what comes out."),
    "gate": ("ledger_cli.gate:gate", "Judge runs against the baseline: did anything get slower, hungrier or worse?"),
    "confirm": ("ledger_cli.confirm:confirm", "Run what regressed again, and judge the fresh runs only."),
    "explain": ("ledger_cli.explain:explain", "Give the reasons behind one finding of the gate."),
    "baseline": ("ledger_cli.baseline:baseline", "Propose, review and show accepted measurements."),
    "readiness": ("ledger_cli.readiness_guard:readiness", "Tell whether a commit may be deployed, and guard it."),
    "manifest": ("ledger_cli.manifest:manifest", "Make and check signed readiness manifests."),
    "keys": ("ledger_cli.keys:keys", "Look after the keys and the policy that manifests are signed by."),
    "quality": ("ledger_cli.quality:quality", "Look at quality gates, and let assets through in an emergency."),
    "ack": ("ledger_cli.ack:ack", "Take note of an alert for a while."),
    "notify": ("ledger_cli.notify:notify", "Tell the alerts that were not told yet."),
    "metrics": ("ledger_cli.metrics:metrics", "Export metrics for Prometheus, or serve them to be scraped."),
    "alerts": ("ledger_cli.alerts:alerts", "Make alert rules, their tests and a dashboard of the limits."),
    "ledger": ("ledger_cli.ledger:ledger", "Look after the ledger: size, seal, compaction, and runs that were killed."),
    "init": ("ledger_cli.init:init", "Prepare a project for the ledger, or take that away again."),
    "import": ("ledger_cli.import_runs:import_runs", "Take over what Dagster knows of earlier runs."),
    "config": ("ledger_cli.config:config", "Look at the configuration: what holds, and why."),
    "doctor": ("ledger_cli.doctor:doctor", "Check machine, configuration and ledger, and say what to do."),
    "completion": ("ledger_cli.completion:completion", "Print the completion script of a shell."),
}
"""Name to where the command is and what it does, so that the help needs no import."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order a person needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command to call; a name that does not exist is told with the one that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(no_such("command", args[0], COMMANDS), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    """Write which version is installed, and leave."""
    del param
    if wanted and not ctx.resilient_parsing:
        import ledger

        click.echo(f"{PROGRAM}, version {ledger.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 inconclusive, 4 integrity, 5 input/output, 70 internal,"
    " 130 interrupted.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def cli(*, debug: bool) -> None:
    """Record what Dagster pipelines take and give, and replay it.

    Every asset run appends immutable events to a Parquet ledger; every figure shown here is a replay of them.
    """
    del debug  # Read by ``main``, which has to know it before parsing can fail.


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; the console script calls this.

    Args:
        arguments: Words after the program's name; those of the process when ``None``.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        result: Any = cli.main(args=words, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BaseException as error:  # noqa: BLE001 - an interruption gets its exit code too
        return _explain(error, debug="--debug" in words)
    return result if isinstance(result, int) else exit_codes.DONE


def _explain(error: BaseException, *, debug: bool) -> int:
    """Say what ended a command and return its exit code; raise it again where the traceback is wanted."""
    if isinstance(error, click.ClickException):
        return _usage(error)
    if _is_interruption(error):
        return _say("interrupted", exit_codes.INTERRUPTED)
    if isinstance(error, BrokenPipeError | SystemExit):
        # The reader went away, as `head` does (click leaves for nothing else); python would complain at exit again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.DONE
    if debug or not isinstance(error, Exception):
        raise error
    if isinstance(error, LedgerError):
        return _say(str(error), exit_codes.code_of(error))
    return _say(f"internal error: {type(error).__name__}: {error}; see it whole with --debug", exit_codes.INTERNAL)


def _is_interruption(error: BaseException) -> bool:
    """Return whether a person ended the command; DuckDB makes an error of its own of Ctrl-C during a query."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return True
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


def _usage(error: click.ClickException) -> int:
    """Say what is wrong with the words typed, and where help is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return exit_codes.USAGE
    context = getattr(error, "ctx", None)
    where = context.command_path if context else PROGRAM
    message = error.format_message().rstrip(".")
    return _say(f"{message} (see `{where} --help`)", exit_codes.USAGE)


def _say(sentence: str, code: int) -> int:
    """Write one line to the error stream and return the code."""
    click.echo(f"{PROGRAM}: {' '.join(sentence.split())}", err=True)
    return code


def entry() -> None:
    """Leave the process with the code of ``main``."""
    hide_pandas()
    sys.exit(main())


if __name__ == "__main__":
    entry()
