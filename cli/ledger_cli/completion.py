"""``completion``: the script that lets a shell complete commands and options."""

import click

_WHERE = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/dagster-ledger.fish"}


@click.command()
@click.argument("shell", type=click.Choice(tuple(_WHERE)))
def completion(shell: str) -> None:
    """Print the completion script of SHELL; append it to the shell's start-up file.

    For bash: dagster-ledger completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from ledger_cli.main import PROGRAM, cli

    found = get_completion_class(shell)
    if found is None:
        message = f"click has no completion for {shell}"
        raise click.UsageError(message)
    click.echo(f"# Completion of {PROGRAM}; belongs into {_WHERE[shell]}")
    click.echo(found(cli, {}, PROGRAM, "_DAGSTER_LEDGER_COMPLETE").source())
