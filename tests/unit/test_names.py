"""What a file is called by a name that people gave."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.names import file_name

TEXTS = st.text(max_size=300) | st.sampled_from(["", ".", "..", "../x", "a/b", "%2E", "x" * 400, "\ud800", "é" * 90])


@given(st.lists(TEXTS, max_size=8))
def test_every_text_has_a_name_of_its_own_that_leads_nowhere_else(texts):
    names = {text: file_name(text) for text in texts}
    assert len(set(names.values())) == len(names)
    for name in names.values():
        assert 0 < len(name.encode()) <= 200
        assert not set(name) & {"/", "\0", "\n"}
        assert not name.startswith(".")
        assert name.isprintable()


def test_plain_names_stay_what_they_are():
    for text in ("2026-01-01", "north", "2026-01-01|b", "a b (c)", "first...last"):
        assert file_name(text) == text
