"""Where a run is measured: stable, comparable, and only what could be read."""

import hashlib
import importlib.metadata
import subprocess
import sys

from ledger.events.codec import canonical_json
from ledger.measure import environment
from ledger.measure.environment import installed_packages


def test_it_is_the_same_object_for_the_whole_process():
    assert environment() is environment()


def test_the_digest_is_over_machine_and_software_and_not_over_the_host():
    found = environment()
    text = canonical_json({"machine_class": found.machine_class, "software": found.software})
    assert found.digest == hashlib.sha256(text.encode()).hexdigest()


def test_every_process_of_this_machine_gets_the_same_digest():
    program = "from ledger.measure import environment; print(environment().digest)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == environment().digest


def test_machine_and_software_name_what_matters():
    found = environment()
    assert {"os", "arch", "cores", "memory_class_gib", "python"} <= set(found.machine_class)
    assert found.machine_class["cores"] > 0
    assert found.software["dagster"] == importlib.metadata.version("dagster")
    assert len(found.software["packages_digest"]) == 64
    everything = [*found.machine_class.values(), *found.software.values(), *found.host.values()]
    assert None not in everything
    assert "" not in everything


def test_packages_are_sorted_and_in_lower_case():
    packages = installed_packages()
    assert list(packages) == sorted(packages)
    assert all(name == name.lower() for name in packages)
    assert packages["psutil"] == importlib.metadata.version("psutil")


def test_importing_measure_loads_nothing_heavy():
    program = (
        "import ledger.measure, sys; print({'numpy', 'pandas', 'psutil', 'pyarrow', 'dagster'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
