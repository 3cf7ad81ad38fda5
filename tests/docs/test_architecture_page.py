"""docs/architecture.md shows the layers that import-linter enforces, and names files that are there."""

import re

from tests.docs.layers import PAGE, ROOT, layers, page, sentence


def test_the_picture_is_that_of_the_contract():
    text = PAGE.read_text()
    sizes = re.compile(r"\| [\d,]+ \|")
    assert sizes.sub("", page(text)) == sizes.sub("", text), "python -m tests.docs.layers writes it anew"


def test_every_package_says_what_it_is():
    for names in layers():
        for name in names:
            assert len(sentence(name)) > 10, name


def test_what_the_page_names_is_there():
    named = re.findall(r"`((?:ledger|cli|assets|tests|config|docs|baselines)/[\w./-]*)`", PAGE.read_text())
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []
