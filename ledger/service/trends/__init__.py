"""Histories over many runs: where they are heading, and when they took another level."""
