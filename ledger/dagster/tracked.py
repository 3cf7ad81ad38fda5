"""``@tracked``: the decorator that records what an asset takes and gives.

It goes under Dagster's own decorator, and keeps the function's signature, which Dagster reads::

    @dg.asset
    @tracked
    def companies() -> pa.Table: ...
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final, ParamSpec, TypeVar, overload

import dagster as dg

from ledger.dagster.results import Outcome
from ledger.dagster.span import tracked_span
from ledger.metrics import Metric

P = ParamSpec("P")
R = TypeVar("R")

MARK: Final = "__dagster_ledger_tracked__"
"""Attribute of a function that is tracked already."""


@overload
def tracked(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def tracked(
    *, metrics: Iterable[Metric] = (), ledger_uri: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def tracked(
    function: Callable[..., Any] | None = None, /, *, metrics: Iterable[Metric] = (), ledger_uri: str | None = None
) -> Any:
    """Return the function, tracked; plain functions, coroutines, generators and async generators alike.

    Args:
        function: The function of an asset, multi-asset or op.
        metrics: Metrics of your own that it records.
        ledger_uri: Where the ledger is; by flag, environment, configuration or default when ``None``.
    """
    if function is None:
        return functools.partial(_wrap, metrics=tuple(metrics), ledger_uri=ledger_uri)
    return _wrap(function, metrics=(), ledger_uri=ledger_uri)


def _wrap(function: Callable[..., Any], *, metrics: tuple[Metric, ...], ledger_uri: str | None) -> Callable[..., Any]:
    """Return the wrapper of the function's own kind, marked."""
    if getattr(function, MARK, False):
        return function
    span = functools.partial(tracked_span, ledger_uri=ledger_uri, metrics=metrics)
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, span)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, span)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, span)
    else:
        wrapper = _plain(function, span)
    setattr(wrapper, MARK, True)
    return wrapper


def _plain(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> object:
        with span() as outcome:
            result = function(*args, **kwargs)
            return result if outcome is None else _returned(outcome, result)

    return wrapper


def _coroutine(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: object, **kwargs: object) -> object:
        with span() as outcome:
            result = await function(*args, **kwargs)
            return result if outcome is None else _returned(outcome, result)

    return wrapper


def _generator(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Iterator[object]:
        with span() as outcome:
            for result in function(*args, **kwargs):
                yield result if outcome is None else _yielded(outcome, result)

    return wrapper


def _async_generator(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: object, **kwargs: object) -> AsyncIterator[object]:
        with span() as outcome:
            async for result in function(*args, **kwargs):
                yield result if outcome is None else _yielded(outcome, result)

    return wrapper


def _yielded(outcome: Outcome, result: object) -> object:
    """Return a yielded result with lap values: Dagster takes it at once, so the final ones would come too late."""
    outcome.note(result)
    return outcome.attach(result, outcome.span.lap())


def _returned(outcome: Outcome, result: object) -> object:
    """Return a returned result with the final values; the work is done, so the span is measured here."""
    parts = result if isinstance(result, tuple) and result and all(map(_is_event, result)) else (result,)
    if isinstance(result, tuple) and parts is not result:
        outcome.note_outputs(result)
    for part in parts:
        outcome.note(part)
    outcome.span.stop()
    values = outcome.span.noted(outcome.span.header.subject)
    if not any(map(_is_event, parts)):
        outcome.attach_to_step(values)
        return result
    attached = tuple(outcome.attach(part, values) for part in parts)
    return attached if parts is result else attached[0]


def _is_event(part: object) -> bool:
    return isinstance(part, dg.MaterializeResult | dg.Output | dg.AssetCheckResult)
