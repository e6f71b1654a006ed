"""Prefetching: the next item is made while the current one is in use."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


@contextmanager
def prefetched(make: Callable[[A], B], items: Iterable[A]) -> Iterator[Iterator[B]]:
    """Give an iterator over `make(item)` for each item in order, made one ahead in a thread.

    An error of `make` is raised in the place of its item. The thread ends with the block, whether all items were taken
    or not.
    """
    # The thread does not belong to the generator: when, and in which thread, a generator is collected is not known.
    with ThreadPoolExecutor(1) as thread:
        yield _prefetched(thread, make, items)


def _prefetched(thread: ThreadPoolExecutor, make: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    previous = None
    for item in items:
        coming = thread.submit(make, item)
        if previous is not None:
            yield previous.result()
        previous = coming
    if previous is not None:
        yield previous.result()
