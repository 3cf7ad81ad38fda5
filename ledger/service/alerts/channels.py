"""Where alerts are told: webhooks as Slack reads them, and commands.

Rules:
- The address of a channel may be a secret; its name in the ledger is its kind and a digest of the address.
- What a channel answers becomes one sentence; it never ends a run.
"""

import hashlib
import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ledger.settings import Settings

_ATTEMPTS: Final = 3
_TIMEOUT_S: Final = 10.0
_COMMAND_TIMEOUT_S: Final = 30.0
_BACKOFF_S: Final = 0.2
_TRY_AGAIN: Final = (429, 500, 502, 503, 504)


class Undeliverable(Exception):  # noqa: N818 - what the notice is
    """A channel did not take a notice."""

    def __init__(self, said: str, attempts: int) -> None:
        """Note what the channel answered, and how often it was tried."""
        super().__init__(said)
        self.attempts: Final = attempts


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of an alert.

    Attributes:
        alert_id: Id of the alert; the receiver recognises repeats by it.
        severity: ``warning``, ``error`` or ``critical``.
        title: One line.
        text: One sentence.
        fields: What else is known, plain JSON.
    """

    alert_id: str
    severity: str
    title: str
    text: str
    fields: Mapping[str, object]


class Channel(Protocol):
    """A way to tell people."""

    @property
    def name(self) -> str:
        """Kind and digest of the address."""

    def send(self, notice: Notice) -> int:
        """Deliver a notice and return how often it was tried.

        Raises:
            Undeliverable: The channel did not take it.
        """


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts notices as JSON that Slack's incoming webhooks, and what imitates them, understand."""

    url: str

    @property
    def name(self) -> str:
        """Kind and digest of the address."""
        return f"webhook:{_digest(self.url)}"

    def send(self, notice: Notice) -> int:
        """Post a notice; answers that ask for patience are tried again."""
        retry = Retry(
            total=_ATTEMPTS - 1,
            backoff_factor=_BACKOFF_S,
            status_forcelist=_TRY_AGAIN,
            allowed_methods=None,
            raise_on_status=False,
        )
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            try:
                answer = session.post(
                    self.url, json=_body(notice), headers={"Idempotency-Key": notice.alert_id}, timeout=_TIMEOUT_S
                )
            except requests.RequestException as error:
                # The text of such errors holds the address.
                message = f"no answer ({type(error).__name__})"
                raise Undeliverable(message, _ATTEMPTS) from error
        attempts = 1 + len(getattr(answer.raw.retries, "history", ()))
        if not answer.ok:
            message = f"it answered {answer.status_code} {answer.reason}"
            raise Undeliverable(message, attempts)
        return attempts


@dataclass(frozen=True, slots=True)
class CommandChannel:
    """Starts a command with the notice as JSON on its input."""

    command: str

    @property
    def name(self) -> str:
        """Kind and digest of the command."""
        return f"command:{_digest(self.command)}"

    def send(self, notice: Notice) -> int:
        """Start the command, up to three times until it ends with 0."""
        told = {"alert_id": notice.alert_id, "severity": notice.severity, "title": notice.title, "text": notice.text}
        said = ""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                done = subprocess.run(  # noqa: S603 - the operator's own command
                    shlex.split(self.command),
                    input=json.dumps(told | dict(notice.fields)),
                    capture_output=True,
                    text=True,
                    timeout=_COMMAND_TIMEOUT_S,
                    check=False,
                )
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                said = f"it could not be run ({type(error).__name__})"
                continue
            if done.returncode == 0:
                return attempt
            said = f"it ended with {done.returncode}: {' '.join(done.stderr.split())[:200]}"
        raise Undeliverable(said, _ATTEMPTS)


def channels_of(settings: Settings) -> list[Channel]:
    """Return the configured channels."""
    return [
        *(WebhookChannel(url) for url in settings.notify_webhook_urls),
        *(CommandChannel(command) for command in settings.notify_commands),
    ]


def _body(notice: Notice) -> dict[str, Any]:
    """Return the JSON that Slack shows: a plain text for notifications, and blocks for the channel."""
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{value}"} for name, value in notice.fields.items() if value is not None
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": notice.title[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": notice.text[:3000]}},
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields[:10]})
    return {"text": f"{notice.title}: {notice.text}", "blocks": blocks}


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]
