"""Makes DuckDB and the allocators behave the same from run to run, so that differences are the code's."""

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import duckdb

from ledger.measure import give_back_unused

P = ParamSpec("P")
T = TypeVar("T")


def steady_connection() -> duckdb.DuckDBPyConnection:
    """Return a connection that uses one thread and gives memory back as soon as it has done with it."""
    flush = dict.fromkeys(("allocator_flush_threshold", "allocator_bulk_deallocation_flush_threshold"), "8MiB")
    return duckdb.connect(config={"threads": 1, **flush})


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Keep Python from looking for garbage inside the block, as ``timeit`` does: when it would is mostly chance."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def settle() -> None:
    """Give back what allocators keep, so that the next asset starts from what is really in use."""
    gc.collect()
    give_back_unused()


def settled(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, which starts from what is really in use: what loading its inputs left is given back."""

    @functools.wraps(function)
    def begin(*inputs: P.args, **named: P.kwargs) -> T:
        settle()
        return function(*inputs, **named)

    return begin
