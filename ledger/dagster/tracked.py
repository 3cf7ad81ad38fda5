"""``@tracked``: the decorator that records what an asset takes and gives.

It goes under Dagster's own decorator, and keeps the function's signature, which Dagster reads::

    @dg.asset
    @tracked
    def companies() -> pa.Table: ...
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, aclosing, closing
from typing import Any, Final, ParamSpec, TypeVar, overload

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
        with ExitStack() as stack:
            outcome: Outcome | None = stack.enter_context(span())
            result = function(*args, **kwargs)
            if outcome is None:
                return result
            if inspect.isgenerator(result):  # Returned, not yielded from: the work is still to come.
                return _each(stack.pop_all(), outcome, result)
            return outcome.take_returned(result)

    return wrapper


def _coroutine(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: object, **kwargs: object) -> object:
        with span() as outcome:
            result = await function(*args, **kwargs)
            return result if outcome is None else outcome.take_returned(result)

    return wrapper


def _generator(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Iterator[object]:
        with ExitStack() as stack:
            outcome = stack.enter_context(span())
            yield from _each(stack.pop_all(), outcome, function(*args, **kwargs))

    return wrapper


def _async_generator(function: Callable[..., Any], span: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: object, **kwargs: object) -> AsyncIterator[object]:
        with span() as outcome:
            async with aclosing(function(*args, **kwargs)) as results:
                async for result in results:
                    if outcome is None:
                        yield result
                        continue
                    taken = outcome.take_yielded(result)
                    with outcome.span.paused():
                        yield taken

    return wrapper


def _each(stack: ExitStack, outcome: Outcome | None, results: Generator[object, Any, object]) -> Iterator[object]:
    """Yield each result as it comes; the generator is closed, and then the span, whatever ends the loop.

    While a result is on its way nothing is measured: what Dagster and IO managers do with it is not the asset's work.
    """
    with stack, closing(results):
        for result in results:
            if outcome is None:
                yield result
                continue
            taken = outcome.take_yielded(result)
            with outcome.span.paused():
                yield taken
