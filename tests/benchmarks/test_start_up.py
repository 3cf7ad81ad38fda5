"""How long the command line takes to start, held against the library it is made with, in the same run."""

import subprocess
import sys
import time

MEASURED = 9


def fastest_s(*arguments: str) -> float:
    """Return the wall seconds of the fastest of several processes."""
    times = []
    for _ in range(MEASURED):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return min(times)


def test_help_takes_less_than_twice_what_importing_click_takes(record_property):
    bare_s, click_s = fastest_s("-c", "pass"), fastest_s("-c", "import click")
    help_s = fastest_s("-m", "ledger_cli.main", "--help")
    record_property("help_over_bare_python_s", help_s - bare_s)
    assert help_s < 2.0 * click_s
