"""A project's code location: its definitions and jobs, by the name of its module.

Rules:
- Wrong names are told with the name that was probably meant.
- Definitions are found as Dagster finds them: an object, or what ``@dg.definitions`` makes, under whatever name.
- A job is handed to Dagster by module and name, so that every step's process can build it again. Dagster's public
  ``build_reconstructable_job`` refuses the job over all assets (its name is reserved), so this file uses what
  ``dagster job execute`` uses; a test runs both kinds in several processes.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster.components.definitions import LazyDefinitions

from ledger.errors import ConfigurationError
from ledger.names import no_such


def job_names(module: str) -> tuple[str, ...]:
    """Return the names of the jobs of a code location, sorted.

    Raises:
        ConfigurationError: The module cannot be loaded, or holds no definitions.
    """
    repository = load_definitions(module).get_repository_def()
    return tuple(sorted(name for name in repository.job_names if not name.startswith("__")))


def load_definitions(module: str) -> dg.Definitions:
    """Return the definitions of a code location.

    Raises:
        ConfigurationError: The module cannot be loaded, or holds no definitions.
    """
    return _load(module)[1]


def resolve_job(module: str, job: str | None) -> dg.JobDefinition:
    """Return a job of a code location, the one over all assets when no name is given.

    Raises:
        ConfigurationError: There is no such job.
    """
    definitions = load_definitions(module)
    if job is None:
        return definitions.resolve_implicit_global_asset_job_def()
    known = job_names(module)
    if job not in known:
        raise ConfigurationError(no_such("job", job, known))
    return definitions.resolve_job_def(job)


def reconstructable_job(module: str, job_name: str) -> ReconstructableJob:
    """Return a job in the form that other processes can build again.

    Raises:
        ConfigurationError: The module cannot be loaded, or holds no definitions.
    """
    attribute, _ = _load(module)
    repository = ReconstructableRepository.for_module(module, attribute, working_directory=str(_directory_of(module)))
    return repository.get_reconstructable_job(job_name)


def _load(module: str) -> tuple[str, dg.Definitions]:
    """Return the definitions of a module and the attribute that holds them."""
    directory = str(_directory_of(module))
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        found = _definitions_in(importlib.import_module(module))
    except ModuleNotFoundError as error:
        message = (
            f"code location {module!r} cannot be imported ({error}); name it with -m, from the project's directory"
        )
        raise ConfigurationError(message) from error
    except ConfigurationError:
        raise
    except Exception as error:
        # A project's module is foreign code: whatever it raises is a reason not to run, and theirs to see.
        reason = " ".join(str(error).split())[:400]
        message = f"code location {module!r} cannot be loaded ({type(error).__name__}: {reason}); correct the module"
        raise ConfigurationError(message) from error
    if found is None:
        message = f"module {module!r} holds no Definitions; name the module that holds them with -m"
        raise ConfigurationError(message)
    return found


def _directory_of(module: str) -> Path:
    """Return where a module is imported from: the working directory, or ``src`` in it where the package is there."""
    here, top = Path.cwd(), module.partition(".")[0]
    is_here = (here / top).is_dir() or (here / f"{top}.py").is_file()
    return here / "src" if not is_here and (here / "src" / top).is_dir() else here


def _definitions_in(module: ModuleType) -> tuple[str, dg.Definitions] | None:
    """Return the definitions a module holds, as an object or behind ``@dg.definitions``, and their attribute."""
    for name, value in vars(module).items():
        if isinstance(value, dg.Definitions):
            return name, value
    for name, value in vars(module).items():
        if isinstance(value, LazyDefinitions):
            return name, _loaded(value)
    lazy = getattr(module, "defs", None)
    made = lazy() if callable(lazy) else None
    return ("defs", made) if isinstance(made, dg.Definitions) else None


def _loaded(lazy: LazyDefinitions[dg.Definitions]) -> dg.Definitions:
    made: object = lazy()
    if isinstance(made, dg.Definitions):
        return made
    message = "it makes a repository; return Definitions instead"
    raise TypeError(message)
