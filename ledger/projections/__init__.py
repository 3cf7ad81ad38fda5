"""Projections: pure folds of events into tables. Everything anyone is shown is one of these."""
