"""The project around a ledger: where it is, what it is configured to, and whether it is sound."""
