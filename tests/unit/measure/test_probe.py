"""The probe is short and tells the same story twice."""

from ledger.measure import PROBE_VERSION, run_probe


def test_it_takes_some_hundredths_of_a_second():
    assert 0.002 < run_probe() < 1.0


def test_two_probes_of_one_machine_agree():
    first, second = (min(run_probe() for _ in range(3)) for _ in range(2))
    assert abs(first - second) / first < 0.5


def test_its_work_has_a_version():
    assert PROBE_VERSION == 1
