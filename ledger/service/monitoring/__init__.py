"""Metrics of a ledger for monitoring, and the alert rules that fit them: a projection, followed as it grows."""
