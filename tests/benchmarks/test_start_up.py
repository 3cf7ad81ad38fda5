"""How long the command line takes to start, held against the library it is made with, in the same run."""

import os
import subprocess
import sys

MEASURED = 9


def least_cpu_s(*arguments: str) -> float:
    """Return the processor seconds of the cheapest of several processes; others on the machine do not count."""
    used = []
    for _ in range(MEASURED):
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        used.append(usage.ru_utime + usage.ru_stime)
    return min(used)


def test_help_takes_less_than_twice_what_importing_click_takes(record_property):
    bare_s, click_s = least_cpu_s("-c", "pass"), least_cpu_s("-c", "import click")
    help_s = least_cpu_s("-m", "ledger_cli.main", "--help")
    record_property("help_over_bare_python_s", help_s - bare_s)
    assert help_s < 2.0 * click_s
