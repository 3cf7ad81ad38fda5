"""Runs one pipeline run in a process of its own; ``run`` starts it, one process per run.

Values of one process are not independent of each other (a warm cache, a grown heap), so each run gets a fresh one.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ledger.errors import LedgerError
from ledger_cli import exit_codes


def main(specification: str, answer: str) -> int:
    """Run what the specification says, write the result, and return the exit code.

    Args:
        specification: The fields of ``ledger.dagster.launch.Launch`` as JSON.
        answer: File the result goes into, as JSON.
    """
    from ledger.dagster.launch import Launch, execute

    said: dict[str, Any] = json.loads(specification)
    said["assets"] = tuple(said["assets"])
    found: dict[str, Any]
    try:
        result = execute(Launch(**said))
    except LedgerError as error:
        found, code = {"error": str(error), "run_id": None, "failures": []}, exit_codes.code_of(error)
    except KeyboardInterrupt:
        found, code = {"error": "interrupted", "run_id": None, "failures": []}, exit_codes.INTERRUPTED
    else:
        found = {"error": None, "run_id": result.run_id, "failures": list(result.failures)}
        failed = exit_codes.IO if result.is_medium else exit_codes.FAILED
        code = exit_codes.DONE if result.success else failed
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
