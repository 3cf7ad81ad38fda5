"""Plays a page of the documentation as it stands: its files are written and its commands run, in order."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_FILES = frozenset({"python", "toml", "yaml"})
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each block of a page, in order."""
    yield from _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def play(
    shell, page: str, codes: Mapping[str, int], adapted: Callable[[str, Mapping[str, str]], str] | None = None
) -> dict[str, str]:
    """Write the files of a page and run its commands; return what each said, those that fail under ``!`` and a space.

    Args:
        shell: Where it is played.
        page: Name of the page below ``docs``.
        codes: Exit code of the blocks that do not leave with 0, by their text.
        adapted: Makes of a line and of what was said so far the line that is run, for what nobody can foresee.
    """
    told: dict[str, str] = {}
    unmet = set(codes)
    for kind, text in blocks(page):
        if kind in _FILES:
            name, _, content = text.partition("\n")
            path = shell.place / name.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        if kind != "sh":
            continue
        block = text.strip()
        unmet.discard(block)
        for line in [block] if block in codes else block.splitlines():
            done = shell.run(adapted(line, told) if adapted else line, code=codes.get(block, 0))
            told[f"! {line}" if codes.get(block, 0) else line] = done.stdout + done.stderr
    assert not unmet, f"{page} has no longer: {unmet}"
    return told
