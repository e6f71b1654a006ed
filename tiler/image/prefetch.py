"""The next item made while this one is in use."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


@contextmanager
def prefetched(make: Callable[[A], B], items: Iterable[A]) -> Iterator[Iterator[B]]:
    """Give `make(item)` for each item in order, one made ahead in a thread; an error comes in its place.

    The thread ends with the block, whether all items were taken or not.
    """
    # Not with the generator, of which nobody knows when, and in which thread, it is collected.
    with ThreadPoolExecutor(1) as thread:
        yield _prefetched(thread, make, items)


def _prefetched(thread: ThreadPoolExecutor, make: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    before = None
    for item in items:
        coming = thread.submit(make, item)
        if before is not None:
            yield before.result()
        before = coming
    if before is not None:
        yield before.result()
