"""A matcher that can be compared by the number of workers; in a module of its own, which workers can import."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from assets.matcher import Matcher
from ledger.chunks import ChunkFunction, Resources


@dataclass(frozen=True)
class OneThread:
    """A matcher whose engine has one thread, whatever the executor allows."""

    matcher: Matcher

    @contextmanager
    def __call__(self, resources: Resources) -> Iterator[ChunkFunction]:
        with self.matcher(replace(resources, threads=1)) as function:
            yield function
