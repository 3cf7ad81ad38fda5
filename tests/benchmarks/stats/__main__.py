"""``python -m tests.benchmarks.stats``: how often the statistics are wrong, and how long they take; docs/statistics.md.

Rules:
- Each part is a program of its own, so that none profits from what another left in memory; all are seeded.
- A goal that is missed is told in the table, and is no failure of the command.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path("docs/statistics.md")
BEGIN: Final = "<!-- stats: begin -->"
END: Final = "<!-- stats: end -->"
PARTS: Final = {
    "The gate, on simulated runs": "gate",
    "Change points, warnings and trends, on simulated histories": "history",
    "How long it takes, on a ledger of ten million events": "replay",
}


def report(part: str, options: list[str]) -> str:
    """Return what a part says, as Markdown."""
    words = [sys.executable, "-m", f"tests.benchmarks.stats.{part}", *options]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 1} or "|" not in done.stdout:
        sys.exit(f"{part} ended with {done.returncode}")
    return done.stdout.strip()


def main() -> None:
    """Make the reports, show each, and put it where the page has its marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that everything works; nothing is written")
    parser.add_argument("--keep", help="directory in which the large ledger is kept for next time")
    parser.add_argument("--part", action="append", choices=tuple(PARTS.values()), help="only these; the others stay")
    asked = parser.parse_args()
    chosen = asked.part or tuple(PARTS.values())
    for title, part in PARTS.items():
        if part in chosen:
            options = ["--quick"] * asked.quick + (["--keep", asked.keep] if asked.keep and part == "replay" else [])
            section = f"### {title}\n\n{report(part, options)}\n\n"
            sys.stdout.write(section)
            if not asked.quick:
                DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), title, section), encoding="utf-8")


def replaced(page: str, title: str, section: str) -> str:
    """Return the page with a section between its marks replaced, or put at the end where there was none."""
    before, told = page.split(f"{BEGIN}\n")
    told, after = told.split(END)
    own, _, rest = told.partition(f"### {title}\n")
    following = rest.find("\n### ")
    rest = "" if following < 0 else rest[following + 1 :]
    return f"{before}{BEGIN}\n{own.rstrip()}\n\n{section}{rest}".rstrip() + f"\n{END}{after}"


if __name__ == "__main__":
    main()
