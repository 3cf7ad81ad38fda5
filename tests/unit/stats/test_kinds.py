import pytest

from ledger.metrics import BUILT_IN
from ledger.stats import kind_of
from ledger.stats.records import KINDS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("duration_s", "time"),
        ("append_s", "time"),
        ("peak_increase_bytes", "memory"),
        ("records_per_s", "rate"),
        ("match_rate", "quality"),
        ("unmatched_rows", "count"),
        ("rows_out", None),
        ("probe_s", None),
    ],
)
def test_built_in_metrics(name, kind):
    assert kind_of(BUILT_IN[name]) == kind


def test_every_built_in_metric_has_an_answer():
    assert {kind_of(metric) for metric in BUILT_IN.values()} <= {None, *KINDS}
