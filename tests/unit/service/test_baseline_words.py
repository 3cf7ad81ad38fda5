"""The words that name a baseline."""

from datetime import UTC, datetime

import pytest

from ledger.errors import ConfigurationError
from ledger.service.gate.baseline_words import BaselineWords, parse_baseline


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("files", BaselineWords("files")),
        ("files:other/place", BaselineWords("files", "other/place")),
        ("ref:origin/main", BaselineWords("ref", "origin/main")),
        ("commit:1a2b3c4", BaselineWords("commit", "1a2b3c4")),
        ("last", BaselineWords("last")),
        ("last:20", BaselineWords("last", last=20)),
        (
            "window:2026-11-01T00:00+00:00..2026-11-20T12:00+00:00",
            BaselineWords(
                "window", since=datetime(2026, 11, 1, tzinfo=UTC), until=datetime(2026, 11, 20, 12, tzinfo=UTC)
            ),
        ),
    ],
)
def test_words_are_read_and_written_again(words, expected):
    assert parse_baseline(words) == expected
    assert parse_baseline(str(expected)) == expected


@pytest.mark.parametrize(
    "words",
    [
        "",
        "file",
        "ref",
        "ref:",
        "last:0",
        "last:x",
        "window:2026-11-01",
        "window:a..b",
        "window:2026-11-02..2026-11-01",
    ],
)
def test_what_names_nothing_is_refused_with_an_example(words):
    with pytest.raises(ConfigurationError, match=r"2026-11-01\.\.2026-11-20|ends before it begins"):
        parse_baseline(words)
