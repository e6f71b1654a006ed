"""Prefetching: the next items are made while the current one is in use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

# What is made ahead lies in memory.
MOST_AHEAD = 4


@contextmanager
def prefetched(make: Callable[[A], B], items: Iterable[A], threads: int = 1) -> Iterator[Iterator[B]]:
    """Give an iterator over `make(item)` for each item in order, made ahead by so many `threads`, one item each.

    An error of `make` is raised in the place of its item. The threads end with the block, whether all items were taken
    or not. More than `MOST_AHEAD` threads are not used.
    """
    ahead = min(threads, MOST_AHEAD)
    # The threads do not belong to the generator: when, and in which thread, a generator is collected is not known.
    with ThreadPoolExecutor(ahead) as pool:
        yield _prefetched(pool, make, items, ahead)


def _prefetched(pool: ThreadPoolExecutor, make: Callable[[A], B], items: Iterable[A], ahead: int) -> Iterator[B]:
    coming: deque[Future[B]] = deque()
    for item in items:
        coming.append(pool.submit(make, item))
        if len(coming) > ahead:
            yield coming.popleft().result()
    while coming:
        yield coming.popleft().result()
