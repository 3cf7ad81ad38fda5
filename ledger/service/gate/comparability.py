"""Whether two sets of runs may be compared, and in words what differs where they may not.

Rules:
- Machine class, installed packages, configuration and data set must be the same. Where one side did not record
  something that the other did, they are not known to be the same.
- The sentence names what differs: the number of cores, a package, a setting; a digest only where nothing else is known.
- The same difference is the same sentence, whatever the metric, so that a report can count by reason.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.baselines import RunFacts
from ledger.projections.circumstances import Machine
from ledger.service.reading.observing import Circumstance, Key, Observed
from ledger.store.protocol import EventQuery, LedgerView

UNRECORDED: Final = "unrecorded"
_NAMED: Final = 3


@dataclass(slots=True)
class Differences:
    """Tells what differs between circumstances; looks configurations up in the ledger when it has to.

    Attributes:
        view: The ledger.
        machines: What is known of machines, by digest.
        ignore_packages: Whether other versions of packages may be compared.
        run_of: A run of each configuration digest, whose settings can be looked up.
    """

    view: LedgerView
    machines: Mapping[str, Machine]
    ignore_packages: bool = False
    run_of: dict[str, str] = field(default_factory=dict)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)

    def between(self, own: RunFacts, accepted: RunFacts) -> str | None:
        """Return what is other in ``own`` than in ``accepted``, ``None`` where they may be compared."""
        if own.machine != accepted.machine:
            return f"other machine: {_machines(own.machine, accepted.machine)}"
        if own.machine_digest != accepted.machine_digest and not self.ignore_packages:
            return self._once(own.machine_digest, accepted.machine_digest, self._software)
        if own.config_digest != accepted.config_digest:
            return self._once(own.config_digest, accepted.config_digest, self._configuration)
        if own.dataset_id != accepted.dataset_id:
            return f"other data set: {own.dataset_id or 'none named'} instead of {accepted.dataset_id or 'none named'}"
        return None

    def _once(self, own: str, accepted: str, tell: Any) -> str:  # noqa: ANN401 - one of the two methods below
        if (own, accepted) not in self._told:
            self._told[own, accepted] = tell(own, accepted)
        return self._told[own, accepted]

    def _software(self, own: str, accepted: str) -> str:
        mine, theirs = (self.machines.get(digest) for digest in (own, accepted))
        if mine is None or theirs is None:
            return f"other installed packages: environment {own[:12]} instead of {accepted[:12]}"
        changed = _changes(mine.software, theirs.software, without=("packages_digest",))
        return f"other installed packages: {changed or 'one that is not named in the environment'}"

    def _configuration(self, own: str, accepted: str) -> str:
        mine, theirs = (self._settings(digest) for digest in (own, accepted))
        changed = _changes(mine, theirs) if mine is not None and theirs is not None else ""
        return f"other configuration: {changed or f'digest {own[:12]} instead of {accepted[:12]}'}"

    def _settings(self, digest: str) -> Mapping[str, Any] | None:
        """Return the settings of a configuration as one of its runs recorded them."""
        run_id = self.run_of.get(digest)
        if run_id is None:
            return None
        found = self.view.read(EventQuery(kinds=("configuration_resolved",), run_ids=(run_id,), columns=("payload",)))
        for text in found.column("payload").to_pylist():
            said = json.loads(text)
            if said.get("digest") == digest:
                values: Mapping[str, Any] = said.get("values", {})
                return values
        return None


def facts_of(circumstance: Circumstance, machines: Mapping[str, Machine]) -> RunFacts:
    """Return the circumstances in the words that baselines use; what is not recorded is said to be so."""
    digest = circumstance.environment_digest
    machine = machines.get(digest) if digest is not None else None
    return RunFacts(
        machine_digest=digest or UNRECORDED,
        machine=machine.name if machine is not None else UNRECORDED,
        config_digest=circumstance.config_digest or UNRECORDED,
        code_version=circumstance.code_version,
        dataset_id=circumstance.dataset_id,
    )


def without_code(facts: RunFacts) -> RunFacts:
    """Return facts without the code, which may differ: it is what is judged."""
    return RunFacts(facts.machine_digest, facts.machine, facts.config_digest, None, facts.dataset_id)


def shared_facts(observed: Observed, key: Key, run_ids: Sequence[str]) -> tuple[RunFacts, ...]:
    """Return the different circumstances of an asset in some runs, that of the newest run first."""
    found = [facts_of(observed.circumstance(run_id, key), observed.machines) for run_id in reversed(run_ids)]
    return tuple(dict.fromkeys(without_code(facts) for facts in found))


def _machines(own: str, accepted: str) -> str:
    """Return how two machines differ: only in what differs, where they are of one processor."""
    mine, theirs = own.split(", "), accepted.split(", ")
    if len(mine) != len(theirs) or mine[0] != theirs[0]:
        return f"{own} instead of {accepted}"
    changed = [(left, right) for left, right in zip(mine[1:], theirs[1:], strict=True) if left != right]
    return f"{mine[0]} " + " and ".join(f"{left} instead of {right}" for left, right in changed)


def _changes(own: Mapping[str, Any], accepted: Mapping[str, Any], without: Sequence[str] = ()) -> str:
    """Return the entries that differ, the first few of them by name."""
    names = sorted({*own, *accepted} - {*without})
    changed = [
        f"{name} {_shown(own.get(name))} instead of {_shown(accepted.get(name))}"
        for name in names
        if own.get(name) != accepted.get(name)
    ]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return ", ".join(changed[:_NAMED]) + more


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value) if not isinstance(value, str) else value
