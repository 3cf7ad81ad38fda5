"""An event-sourced performance-and-quality ledger for Dagster pipelines.

Rules:
- Importing this package imports nothing heavy; every sub-package is imported by its own name.
- ``ledger.dagster`` is the only sub-package that imports Dagster.
- ``__version__`` is what is installed, looked up when somebody asks.
"""

__version__: str


def __getattr__(name: str) -> str:
    """Return ``__version__``: of the installed distribution, ``0.0.0`` where the sources run without one."""
    if name != "__version__":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import metadata  # noqa: PLC0415 - it takes longer to import than this whole package

    try:
        return metadata.version("dagster-ledger")
    except metadata.PackageNotFoundError:
        return "0.0.0"
