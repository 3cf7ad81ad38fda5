"""What monitoring reads: metrics, alert rules with their tests, a dashboard; all from one list of names.

Rules:
- Metrics are a projection of the ledger, never a second source; nothing here reads a ledger, a file or a clock.
- A name that somebody else chose is data in every format. ``naming.label`` is how it is written, everywhere the same.
"""
