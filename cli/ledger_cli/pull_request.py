"""What ``gate`` and ``baseline`` share about pull requests: ``--base`` and ``--head``, and the review between them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ledger.service.baselines.review import Review
    from ledger.service.gate.regression import Answer
    from ledger.store.protocol import LedgerStore

F = TypeVar("F", bound=Callable[..., Any])


def base_options(command: F) -> F:
    """Add ``--base`` and ``--head``."""
    for option in (
        click.option("--head", metavar="REF", help="The newest commit of the pull request. [default: HEAD]"),
        click.option(
            "--base",
            metavar="BRANCH",
            help="The protected branch that the pull request is for, such as origin/main: what it had accepted counts.",
        ),
    ):
        command = option(command)
    return command


def review_of(words: tuple[str, ...], env: str | None, base: str | None, head: str | None) -> "Review":
    """Return what the commits between two refs change about baselines."""
    import os
    from datetime import UTC, datetime

    from ledger.service.baselines.pull_request import pull_request
    from ledger.service.baselines.review import review
    from ledger.service.project.locate import ENV_VARIABLE, project_directory
    from ledger.settings import from_words

    project = project_directory()
    return review(
        project,
        pull_request(project, base, head),
        at=datetime.now(UTC),
        env=env or os.environ.get(ENV_VARIABLE),
        environ=os.environ,
        flags=from_words(words, "--set"),
    )


def ask(store: "LedgerStore", chosen: dict[str, Any], review: "Review", **more: Any) -> "Answer":
    """Return the gate's answer on a pull request."""
    from ledger.errors import ConfigurationError
    from ledger.service.gate.of_pull_request import ask_pull_request
    from ledger.service.project.locate import project_directory
    from ledger_cli.gating import question_of

    named = [f"--{name}" for name in ("baseline", "commit", "since", "until") if chosen[name]]
    named += ["--candidate"] if chosen["candidates"] else []
    if named:
        message = f"with --base, runs of the head are judged; leave {' and '.join(named)} away"
        raise ConfigurationError(message)
    project = project_directory()
    require = tuple(dict.fromkeys((*review.settings.regression.require, *more.pop("require"))))
    question = question_of(review.settings, chosen, require=require, **more)
    return store.consult(lambda view: ask_pull_request(view, question, review, project))
