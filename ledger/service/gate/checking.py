"""Judges the run that just ended, with the runs of the same code before it.

Rules:
- One run alone tells nothing, so the newest runs of the same job and commit are judged together with it, at most
  ``candidate_runs``. Runs with uncommitted changes are of no commit and stand alone; where no run recorded a commit,
  they count as one code, since nobody knows better.
- Runs that are in the baseline themselves are left out. Of runs that share a process only the newest counts; it is
  chosen without a look at the values.
- Only what the run made is judged: its assets, its partition.
"""

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.metrics import MetricRegistry
from ledger.projections.circumstances import circumstances
from ledger.service.gate.baseline_words import parse_baseline
from ledger.service.gate.regression import Answer, Question, ask, named_by_files
from ledger.service.reading.choosing import Choice, before, choose
from ledger.service.reading.standing import standing
from ledger.settings import RegressionSettings
from ledger.store.protocol import EventQuery, LedgerView

_LOOKED_AT: Final = 50
"""Earlier runs among which those of the same code are looked for."""


def check_run(
    view: LedgerView,
    run_id: str,
    asset: str,
    partition: str | None,
    settings: RegressionSettings,
    registry: MetricRegistry,
    project: Path,
) -> Answer:
    """Return what the gate says of one asset of a run, which need not have ended.

    Args:
        view: The ledger.
        run_id: The run.
        asset: Its asset.
        partition: The partition it was made for.
        settings: What is tolerated, and what it is held against.
        registry: The declared metrics.
        project: Directory of the project.

    Raises:
        LedgerError: As ``regression.ask``.
    """
    words = parse_baseline(settings.baseline)
    own = choose(view, Choice(names=(run_id,)))
    earlier = before(view, own, _LOOKED_AT)
    accepted = named_by_files(view, words, own.run_ids, project)
    same = [name for name in _same_code(view, run_id, earlier, asset) if name not in accepted]
    most = settings.candidate_runs - 1
    names = (*same[-most:], run_id) if most else (run_id,)
    question = Question(
        candidate=Choice(names=names),
        baseline=words,
        assets=(asset,),
        partitions=(partition,),
        require=tuple(pair for pair in settings.require if pair.rpartition(":")[0] == asset),
    )
    return ask(view, question, settings, registry, project)


def _same_code(view: LedgerView, run_id: str, earlier: tuple[str, ...], asset: str) -> list[str]:
    """Return those of the earlier runs whose asset ran the code of this one, in their order."""
    extents = standing(view).extents
    wanted = [run_id, *earlier]
    own = extents.filter(pc.is_in(extents.column("run_id"), pa.array(wanted, pa.string())))
    since = pc.min(own.column("first_ts")).as_py()
    query = EventQuery(kinds=("asset_started",), run_ids=tuple(wanted), since=since)
    rows: list[dict[str, Any]] = circumstances(view.read(query)).to_pylist()
    known = {row["run_id"]: row for row in rows if row["asset"] == asset}
    mine = known.get(run_id)
    if mine is None or mine["code_dirty"]:
        return []
    found: list[str] = []
    processes = {mine["process"]} - {None}
    for name in reversed(earlier):
        row = known.get(name)
        if row is None or row["code_dirty"] or row["code_version"] != mine["code_version"]:
            continue
        if row["process"] not in processes:
            found.append(name)
            processes |= {row["process"]} - {None}
    return found[::-1]
