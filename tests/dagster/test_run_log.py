"""What a run says in Dagster's own log: its overrides, and nothing of secrets."""

import dagster as dg

from ledger.dagster import tracked
from ledger.dagster.run_settings import OVERRIDDEN_TAG


@dg.asset
@tracked
def plain():
    return 1


def test_overrides_are_logged_and_tagged_without_secrets(materialize, instance, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "77")
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_COMMANDS", "[hush]")
    result = materialize(plain, tags={"dagster_ledger/overrides": '{"heartbeat_s": 9}'})
    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert "dagster-ledger: configuration override: chunk_size = 77 from $DAGSTER_LEDGER_CHUNK_SIZE" in said
    assert "dagster-ledger: configuration override: heartbeat_s = 9.0 from --tag dagster_ledger/overrides" in said
    assert "chunk_size = 77" in instance.get_run_by_id(result.run_id).tags[OVERRIDDEN_TAG]
    assert not [line for line in said if "hush" in line]
