"""How long the command line takes to start, held against the library it is made with, in the same run."""

import os
import subprocess
import sys

import pytest

from ledger_cli.main import cli
from tests.cli.conftest import every_command

MEASURED = 9


def least_cpu_s(*arguments: str, measured: int = MEASURED) -> float:
    """Return the processor seconds of the cheapest of several processes; others on the machine do not count."""
    used = []
    for _ in range(measured):
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


@pytest.mark.slow
@pytest.mark.timeout(1800)  # Three processes for each command; only their processor seconds count.
def test_every_help_takes_at_most_four_times_what_importing_click_takes(record_property):
    """On the machine of docs/performance.md click takes 36 ms, so that this is 150 ms over bare Python."""
    bare_s, click_s = least_cpu_s("-c", "pass"), least_cpu_s("-c", "import click") - least_cpu_s("-c", "pass")
    taken_s = {
        " ".join(words): least_cpu_s("-m", "ledger_cli.main", *words, "--help", measured=3) - bare_s
        for _, words in every_command(cli)
    }
    worst = max(taken_s, key=lambda words: taken_s[words])
    record_property("worst_help", worst)
    record_property("worst_help_over_bare_python_s", taken_s[worst])
    assert {words: took for words, took in taken_s.items() if took > 4.0 * click_s} == {}
