"""The next item made while this one is in use."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ahead(make: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Yield `make(item)` for each item in order, one made ahead in a thread; an error comes in its place."""
    with ThreadPoolExecutor(1) as thread:
        before = None
        for item in items:
            coming = thread.submit(make, item)
            if before is not None:
                yield before.result()
            before = coming
        if before is not None:
            yield before.result()
