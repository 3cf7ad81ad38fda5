"""The command line ``dagster-ledger``: each command parses, calls one use case, renders, and picks the exit code."""
