"""An event-sourced performance-and-quality ledger for Dagster pipelines.

Rules:
- Importing this package imports nothing heavy; every sub-package is imported by its own name.
- ``ledger.dagster`` is the only sub-package that imports Dagster.
"""

__version__ = "0.1.0"
