"""Where accepted measurements stand in the repository: the file and line that a finding of the gate is about."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger.baselines import profile_name, relative_path
from ledger.git import root_of
from ledger.report.ci import Place
from ledger.service.baselines.accepted import DIRECTORY
from ledger.service.reading.observing import observe
from ledger.stats.records import Finding
from ledger.store.protocol import LedgerView

_ELSEWHERE: Final = ("config/base.yaml", "pyproject.toml")


def baseline_places(
    view: LedgerView, run_ids: Sequence[str], findings: Sequence[Finding], project: Path
) -> dict[tuple[str, str, str], Place]:
    """Return the place of each finding whose asset has a baseline file in the working tree, by the finding's key.

    Args:
        view: The ledger, which knows the machines of the runs.
        run_ids: The judged runs.
        findings: What was found of them.
        project: Directory of the project.
    """
    machines = sorted({machine.name for machine in observe(view, run_ids, metrics=("probe_s",)).machines.values()})
    profiles = [profile_name(machine) for machine in machines]
    texts: dict[Path, str | None] = {}
    found = {}
    for one in findings:
        for profile in profiles:
            path = project / DIRECTORY / relative_path(one.asset, profile, one.partition)
            if path not in texts:
                texts[path] = _text(path)
            text = texts[path]
            if text is not None:
                found[one.key] = Place(_from_root(path, project), _line(text, one.metric))
                break
    return found


def elsewhere(project: Path) -> Place:
    """Return where a finding stands that has no baseline file: the configuration of the project."""
    name = next((name for name in _ELSEWHERE if (project / name).is_file()), _ELSEWHERE[0])
    return Place(_from_root(project / name, project))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # A name too long for a file, or none there: it has no place, which stops no report.
        return None


def _line(text: str, metric: str) -> int:
    """Return the line on which the entry of a metric begins, the first where it has none."""
    key = f"{json.dumps(metric, ensure_ascii=False)}:"
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(key)), 1)


def _from_root(path: Path, project: Path) -> str:
    root = root_of(project) or project
    absolute = path.absolute()
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else path.relative_to(project)).as_posix()
