"""Use cases: what can be done with a ledger. Store, clock and settings come in as arguments."""
