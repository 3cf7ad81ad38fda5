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
    """Make the reports, show them, and put them where the page has its marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that everything works; nothing is written")
    parser.add_argument("--keep", help="directory in which the large ledger is kept for next time")
    parser.add_argument("--part", action="append", choices=tuple(PARTS.values()), help="only these; nothing is written")
    asked = parser.parse_args()
    chosen = asked.part or tuple(PARTS.values())
    text = ""
    for title, part in PARTS.items():
        if part in chosen:
            options = ["--quick"] * asked.quick + (["--keep", asked.keep] if asked.keep and part == "replay" else [])
            text += f"### {title}\n\n{report(part, options)}\n\n"
    sys.stdout.write(text)
    if not asked.quick and not asked.part:
        page = DOCUMENT.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text.rstrip()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
