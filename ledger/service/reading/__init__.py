"""What a ledger comes to: projections replayed, runs chosen, values observed."""
