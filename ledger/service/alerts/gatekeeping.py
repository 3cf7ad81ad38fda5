"""What people say to gates and alerts: overrides and acknowledgements, each with reason, owner and end."""

import uuid
from datetime import UTC, datetime

from ledger.errors import ConfigurationError
from ledger.events import AlertAcknowledged, GateOverridden, StreamId
from ledger.names import no_such
from ledger.projections.alerts import QUERY_KINDS as ALERT_KINDS
from ledger.projections.alerts import alerts
from ledger.projections.gates import QUERY_KINDS, Gate, gates
from ledger.service.project.clock import Clock, utc_now
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.protocol import EventQuery, LedgerStore


def list_gates(store: LedgerStore, *, clock: Clock = utc_now) -> list[Gate]:
    """Return every gate of a ledger in its latest state."""
    return gates(store.read(EventQuery(kinds=QUERY_KINDS)), clock())


def override_gate(
    store: LedgerStore,
    asset: str,
    check: str | None,
    *,
    reason: str,
    owner: str,
    expires: datetime,
    clock: Clock = utc_now,
) -> GateOverridden:
    """Let assets be made behind a gate for a while, and return the event.

    Args:
        store: The ledger.
        asset: Asset whose gate it is.
        check: Check, or all of the asset's when ``None``.
        reason: Why.
        owner: Who answers for it.
        expires: When it ends.
        clock: Gives the time.

    Raises:
        ConfigurationError: The ledger knows no such gate, or nothing is closed there.
    """
    known = list_gates(store, clock=clock)
    of_asset = [gate for gate in known if gate.asset == asset]
    if not of_asset:
        raise ConfigurationError(no_such("gate of asset", asset, {gate.asset for gate in known}, "in the ledger"))
    chosen = [gate for gate in of_asset if check in {None, gate.check}]
    if not chosen:
        raise ConfigurationError(no_such(f"gate of {asset} called", check or "", {gate.check for gate in of_asset}))
    if all(gate.passed for gate in chosen):
        message = f"no gate of {asset} is closed, so there is nothing to override"
        raise ConfigurationError(message)
    event = GateOverridden(asset=asset, check=check, reason=reason, owner=owner, expires=_spelled(expires))
    StreamRecorder(store, StreamId("gate", uuid.uuid4().hex), clock=clock).record(event)
    return event


def acknowledge_alert(
    store: LedgerStore, alert: str, *, reason: str, owner: str, expires: datetime, clock: Clock = utc_now
) -> AlertAcknowledged:
    """Take note of an alert for a while, and return the event.

    Args:
        store: The ledger.
        alert: Id of the alert, or its unique beginning.
        reason: Why it may stand.
        owner: Who answers for it.
        expires: When it ends.
        clock: Gives the time.

    Raises:
        ConfigurationError: No alert, or more than one, is called so.
    """
    known = alerts(store.read(EventQuery(kinds=ALERT_KINDS))).column("alert_id").to_pylist()
    found = [name for name in known if name.startswith(alert)]
    if not found:
        raise ConfigurationError(no_such("alert", alert, known, "in the ledger"))
    if len(found) > 1:
        message = f"{alert!r} is the beginning of {len(found)} alerts ({', '.join(found[:5])}); give more of the id"
        raise ConfigurationError(message)
    event = AlertAcknowledged(alert_id=found[0], reason=reason, owner=owner, expires=_spelled(expires))
    StreamRecorder(store, StreamId("alert", uuid.uuid4().hex), clock=clock).record(event)
    return event


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
