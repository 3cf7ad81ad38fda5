"""The settings of a Dagster run: what its tags ask for, over environment, files and defaults.

Rules:
- What was given on a command line travels as run tags. Dagster stores them with the run, hands them to every step's
  process, and keeps them when a run is executed again; in the UI's launchpad anybody can set the same tags.
- A run without such tags gets what environment, files and defaults say where its steps run.
"""

from collections.abc import Mapping
from typing import Final

import dagster as dg

from ledger.service.project.locate import load_settings
from ledger.service.recording.overrides import ENV_TAG, flags_of
from ledger.settings import Resolved

OVERRIDDEN_TAG: Final = "dagster_ledger/overridden"
"""What the run's first step found overridden, and from where; for people, never read."""


def settings_of(tags: Mapping[str, str]) -> Resolved:
    """Return the settings of a run with these tags.

    Raises:
        ConfigurationError: A layer, or a tag, holds something wrong.
    """
    return load_settings(flags_of(tags), env=tags.get(ENV_TAG))


def tell_overrides(context: dg.OpExecutionContext, resolved: Resolved) -> None:
    """Say in the log and in a tag of the run what was overridden, and from where."""
    told = [f"{path} = {resolved.value_at(path)!r} from {source}" for path, source in resolved.overrides().items()]
    for sentence in told:
        context.log.info("dagster-ledger: configuration override: %s", sentence)
    if told:
        context.instance.add_run_tags(context.run.run_id, {OVERRIDDEN_TAG: "; ".join(told)})
