"""Where the kernel's mark cannot be set back, the peak is sampled and says so."""

from ledger.measure.memory import SAMPLED, PeakTracker, exact_peak_possible, rss_bytes


def test_a_system_without_the_mark_falls_back_to_samples(tmp_path):
    tracker = PeakTracker(clear_refs=tmp_path / "missing" / "clear_refs")
    start = tracker.open(1)
    tracker.sampled(start + 1_000_000_000)
    assert tracker.close(1) == (start + 1_000_000_000, SAMPLED)


def test_a_short_span_between_two_samples_still_sees_what_is_held_at_its_end(tmp_path):
    tracker = PeakTracker(clear_refs=tmp_path / "missing" / "clear_refs")
    start = tracker.open(1)
    block = bytearray(b"x") * 50_000_000
    peak, method = tracker.close(1)
    assert len(block) == 50_000_000
    assert peak - start > 45_000_000
    assert method == SAMPLED


def test_a_system_without_proc_is_measured_all_the_same(tmp_path):
    missing = tmp_path / "missing"
    tracker = PeakTracker(clear_refs=missing / "clear_refs", status=missing / "status")
    assert tracker.open(1) > 1_000_000
    assert tracker.close(1)[1] == SAMPLED


def test_a_sample_does_not_raise_a_paused_span(tmp_path):
    tracker = PeakTracker(clear_refs=tmp_path / "missing" / "clear_refs")
    start = tracker.open(1)
    tracker.pause(1)
    tracker.sampled(start + 1_000_000_000)
    assert tracker.close(1)[0] < start + 1_000_000_000


def test_exactness_is_told_from_the_file(tmp_path):
    (tmp_path / "clear_refs").touch()
    assert exact_peak_possible(tmp_path / "clear_refs")
    assert not exact_peak_possible(tmp_path / "missing")


def test_the_resident_size_is_that_of_a_python_process():
    assert 5_000_000 < rss_bytes() < 50_000_000_000
