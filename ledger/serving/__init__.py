"""Answers HTTP with the standard library: routes, a guard before them, and the server; knows nothing of ledgers."""
