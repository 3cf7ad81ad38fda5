"""A Dagster resource that says where the ledger is.

Rules:
- It is looked for among the resources the step was given, so an asset has to require it, under any key.
- An explicit ``ledger_uri`` of ``@tracked`` is stronger; flag, environment and configuration are weaker.
"""

import dagster as dg


class LedgerResource(dg.ConfigurableResource[None]):
    """Where the ledger of a code location is.

    Attributes:
        uri: Directory of the ledger, or a file://, s3://, gs:// or az:// URI; a relative one is meant from the
            working directory.
    """

    uri: str


def resource_uri(context: dg.OpExecutionContext) -> str | None:
    """Return where the step's ``LedgerResource`` says the ledger is, ``None`` without one."""
    given = context.resources.original_resource_dict
    return next((found.uri for found in given.values() if isinstance(found, LedgerResource)), None)
