"""``smoke``: run the pipeline on known input and hold what comes out against what is expected."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option

if TYPE_CHECKING:
    from ledger.service.project.smoke import Finding, SmokeCase


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option("-m", "--module", help="Code location. [default: module_name of [tool.dagster] in pyproject.toml]")
@click.option(
    "--cases", type=click.Path(path_type=Path), help="Case file. [default: config/smoke/cases.yaml of the project]"
)
@click.option("-v", "--verbose", is_flag=True, help="Also say the expectations that hold.")
@ledger_option
@format_option("table", "json")
def smoke(
    *, names: tuple[str, ...], module: str | None, cases: Path | None, verbose: bool, ledger_uri: str | None, form: str
) -> int:
    """Run the smoke cases, or only the CASEs named, and record the result for this commit.

    Every case materialises its job in dependency order through Dagster, in a process and with an output directory of
    its own. Exit code 1 where an expectation does not hold.
    """
    import dataclasses

    from ledger.report import json
    from ledger.service.project.locate import ledger_uri as locate
    from ledger.service.project.locate import project_directory
    from ledger.service.project.smoke import CASES_FILE, load_cases, record
    from ledger.store import open_store

    project = project_directory()
    path = cases or project / CASES_FILE
    own = path.absolute() == (project / CASES_FILE).absolute()
    known = load_cases(path)
    chosen = {name: known[name] for name in names or known} if _known(names, known) else {}
    store = open_store(locate(ledger_uri), create=True)
    answers: list[dict[str, Any]] = []
    for name, case in chosen.items():
        run_id, findings = _run(name, case, path.parent, module, project)
        # A case of another file speaks for itself: it must not pass for the project's own case of that name.
        passed = record(store, name if own else f"{path.name}:{name}", case, run_id, findings, project)
        answers.append({"case": name, "passed": passed, "findings": [dataclasses.asdict(one) for one in findings]})
        if form == "table":
            _say(name, case, findings, passed=passed, verbose=verbose)
    if form == "json":
        sys.stdout.write(json.dump(answers) + "\n")
    return exit_codes.DONE if all(answer["passed"] for answer in answers) else exit_codes.FAILED


def _known(names: tuple[str, ...], cases: "dict[str, SmokeCase]") -> bool:
    """Return true; raise for a name that is no case."""
    from ledger.errors import ConfigurationError
    from ledger.names import no_such

    for name in names:
        if name not in cases:
            raise ConfigurationError(no_such("smoke case", name, cases))
    return True


def _run(
    name: str, case: "SmokeCase", fixtures: Path, module: str | None, project: Path
) -> "tuple[str | None, list[Finding]]":
    """Run a case in places of its own and return its run and its expectations."""
    from ledger.service.project.smoke import Finding, judge, run_config_of
    from ledger.service.reading.replay import replay_run
    from ledger.service.recording.overrides import override_tags
    from ledger.settings import Placed
    from ledger.store import open_store
    from ledger_cli.run import launch_quietly

    with tempfile.TemporaryDirectory(prefix="dagster-ledger-smoke-") as place:
        output, uri = Path(place) / "output", str(Path(place) / "ledger")
        settings = {path: _placed(path, value, fixtures) for path, value in case.settings.items()}
        settings |= {"output_dir": str(output), "ledger_uri": uri, "notify_min_severity": "critical"}
        flags = {path: Placed(value, f"--smoke {name}") for path, value in settings.items()}
        config, tags = run_config_of(case, fixtures), override_tags(flags, None)
        wanted = {"module": module, "job": case.job, "run_config": config, "tags": tags}
        store = open_store(uri, create=True)
        ended = launch_quietly(store, wanted, project, Path(place))
        if ended.run_id is None:
            said = ended.error or "the run did not begin"
            return None, [Finding("the run begins", holds=False, seen=said)]
        return ended.run_id, judge(case, replay_run(store, ended.run_id), output, fixtures.absolute())


def _placed(path: str, value: object, fixtures: Path) -> object:
    """Return a setting of a case; places are meant from the directory of the case file."""
    return str((fixtures / str(value)).absolute()) if path == "input_dir" else value


def _say(name: str, case: "SmokeCase", findings: "list[Finding]", *, passed: bool, verbose: bool) -> None:
    """Write one case: its result, and what did not hold."""
    from ledger.report.text import printable

    sys.stdout.write(printable(f"{'passed' if passed else 'FAILED'}  {name}: {case.description}", 300) + "\n")
    for finding in findings:
        if verbose or not finding.holds:
            mark = "holds" if finding.holds else "DOES NOT HOLD"
            sys.stdout.write(printable(f"        {mark}: {finding.what} (seen: {finding.seen})", 1000) + "\n")
