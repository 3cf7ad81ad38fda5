"""Gates, acknowledgements, notices: a real webhook gets each alert once, and what it refuses is not forgotten."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ledger.dagster.launch import Launch, execute
from ledger.events import AlertRaised, NoticeFailed, NoticeSent, asset_stream
from ledger.events.codec import from_table
from ledger.service.recording.recorder import StreamRecorder
from tests.cli.conftest import GOOD


class Webhook:
    """A server that keeps what it is sent, and answers what it is told to."""

    def __init__(self):
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.answers: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["content-length"])
                hook.bodies.append(json.loads(self.rfile.read(length)))
                hook.keys.append(self.headers["Idempotency-Key"])
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hush"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook(monkeypatch):
    hook = Webhook()
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS", json.dumps([hook.url]))
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def notices(store) -> list:
    events = [entry.event for entry in from_table(store.read())]
    return [event for event in events if isinstance(event, NoticeSent | NoticeFailed)]


def test_an_alert_is_told_once_however_often_it_is_asked_for(recorded, command, webhook):
    assert command("notify").out == "1 told, 0 undeliverable\n"
    assert command("notify").out == "0 told, 0 undeliverable\n"
    (body,) = webhook.bodies
    assert body["text"] == "warning: companies: match rate is low"
    assert {"type": "mrkdwn", "text": "*metric*\nmatch_rate"} in body["blocks"][2]["fields"]
    assert webhook.keys == ["a1"]
    (sent,) = notices(recorded)
    assert (sent.alert_id, sent.attempts) == ("a1", 1)
    assert "hush" not in command("events", "--format", "json").out


def test_a_server_that_asks_for_patience_is_asked_again(recorded, command, webhook):
    webhook.answers = [503, 429]
    assert command("notify").code == 0
    assert len(webhook.bodies) == 3
    assert notices(recorded)[0].attempts == 3


def test_a_server_that_is_down_leaves_a_dead_letter_that_the_next_delivery_tries_again(recorded, command, webhook):
    webhook.answers = [404]
    said = command("notify")
    assert said.code == 5
    assert "was not taken by webhook:" in said.err
    assert "it answered 404" in said.err
    assert "hush" not in said.err
    assert [type(event) for event in notices(recorded)] == [NoticeFailed]
    assert command("notify").out == "1 told, 0 undeliverable\n"
    assert [type(event) for event in notices(recorded)] == [NoticeFailed, NoticeSent]


def test_nobody_answers_at_all(recorded, command, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_WEBHOOK_URLS", '["http://127.0.0.1:9/hush"]')
    said = command("notify")
    assert said.code == 5
    assert "no answer" in said.err
    assert "hush" not in said.err


def test_a_command_gets_the_alert_on_its_input(recorded, command, tmp_path, monkeypatch):
    target = tmp_path / "told.jsonl"
    script = tmp_path / "tell.py"
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())")
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_COMMANDS", json.dumps([f"{sys.executable} {script} {target}"]))
    assert command("notify").code == 0
    told = json.loads(target.read_text())
    assert (told["alert_id"], told["severity"], told["metric"]) == ("a1", "warning", "match_rate")
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_COMMANDS", '["false", "/no/such/program"]')
    failed = command("notify")
    assert failed.code == 5
    assert "it ended with 1" in failed.err
    assert "it could not be run (FileNotFoundError)" in failed.err


def test_mild_and_acknowledged_alerts_are_not_told(recorded, command, webhook):
    assert command("notify", "--set", "notify_min_severity=error").out == "0 told, 0 undeliverable\n"
    assert "acknowledged until" in command("ack", "a1", "--reason", "known", "--owner", "data", "--for", "2h").out
    assert command("notify").out == "0 told, 0 undeliverable\n"
    StreamRecorder(recorded, asset_stream("op:more", GOOD, None, 0)).record(
        AlertRaised(asset="profile", run_id=GOOD, alert_id="b2", severity="error", message="too slow")
    )
    assert command("notify").out == "1 told, 0 undeliverable\n"
    assert webhook.bodies[0]["text"] == "error: profile: too slow"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("ack", "zz", "--reason", "r", "--owner", "o", "--for", "2h"), "there is no alert 'zz' in the ledger"),
        (("ack", "a1", "--reason", "r", "--owner", "o", "--for", "soon"), "is no span of time"),
        (("ack", "a1", "--reason", "r", "--for", "2h"), "Missing option '--owner'"),
        (
            ("quality", "override", "company", "--reason", "r", "--owner", "o", "--for", "2h"),
            "did you mean 'companies'?",
        ),
        (("quality", "override", "companies", "--reason", "r", "--owner", "o", "--for", "2h"), "nothing to override"),
    ],
)
def test_what_cannot_stand_is_refused_with_code_2(recorded, command, words, sentence):
    said = command(*words)
    assert said.code == 2
    assert sentence in said.err


def test_gates_are_listed_with_their_state(recorded, command):
    assert "open       companies  match_rate_holds" in command("quality", "list").out
    assert command("quality", "list", "--closed").out == "no gates\n"
    (row,) = command("quality", "list", "--format", "json").json
    assert (row["asset"], row["state"], row["value"], row["threshold"]) == ("companies", "open", 0.75, 0.7)


GATED = """
import dagster as dg

from ledger.dagster import current_span, track_definitions
from ledger.dagster.gates import QualityChecks, at_least

CHECKS = QualityChecks("first", at_least("match_rate", "match_rate_threshold"))


@dg.asset(check_specs=CHECKS.specs)
def first():
    current_span().measure("match_rate", 0.8)
    yield from CHECKS.results()


@dg.asset(deps=[first])
def second():
    pass


defs = track_definitions(
    dg.Definitions(assets=[first, second], jobs=[dg.define_asset_job("good", selection="*")])
)
"""


@pytest.mark.slow
def test_a_closed_gate_is_told_refuses_what_comes_after_and_can_be_overridden(
    command, webhook, tmp_path, place, monkeypatch
):
    (tmp_path / "gated.py").write_text(GATED)
    run = ("run", "-m", "gated", "--executor", "in_process", "-q")
    blocked = command(*run, "--job", "good", "--set", "match_rate_threshold=0.9")
    assert blocked.code == 1
    assert "not made" in blocked.out
    assert "gate match_rate_gate of first failed (match_rate is 0.8, below 0.9)" in blocked.out
    (body,) = webhook.bodies
    assert "match_rate of first is 0.8000, below its limit of 0.9000 (-11.1%); not made: second" in body["text"]
    refused = command(*run, "--asset", "second")
    assert refused.code == 1
    assert "gate match_rate_gate of first is closed since run" in refused.err
    assert "closed     first  match_rate_gate" in command("quality", "list", "--closed").out
    assert command("quality", "override", "first", "--reason", "agreed", "--owner", "data", "--for", "1h").code == 0
    assert "overridden first" in command("quality", "list").out
    # The same runs again, without processes of their own.
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster_home"))
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(place))
    assert execute(Launch(module="gated", assets=("second",), executor="in_process")).success
    assert execute(Launch(module="gated", job="good", executor="in_process")).success
    assert "open       first" in command("quality", "list").out
