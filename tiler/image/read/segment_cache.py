"""Decoded segments of a file: the most recently used ones are kept, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)


class SegmentCache(Generic[Key]):
    """A least-recently-used cache of arrays that holds at most `most_bytes`; safe from any thread.

    Segments are made outside the lock, so threads decode side by side. A thread that misses a segment which another one
    is making waits for it; if it cannot be made, both raise the error.
    """

    def __init__(self, make: Callable[[Key], NDArray[Any]], most_bytes: int) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._segments: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._coming: dict[Key, Future[NDArray[Any]]] = {}
        self._lock = Lock()

    def get(self, key: Key) -> NDArray[Any]:
        """Return the segment of `key`, read-only and shared."""
        with self._lock:
            if key in self._segments:
                self._segments.move_to_end(key)
                return self._segments[key]
            if other := self._coming.get(key):
                coming = other
            else:
                coming = self._coming[key] = Future()
        return coming.result() if other else self._made(key, coming)

    def _made(self, key: Key, coming: Future[NDArray[Any]]) -> NDArray[Any]:
        try:
            segment = np.asarray(self._make(key)).view()
        except BaseException as error:
            with self._lock:
                del self._coming[key]
            coming.set_exception(error)
            raise
        segment.flags.writeable = False
        with self._lock:
            self._keep(key, segment)
            del self._coming[key]
        coming.set_result(segment)
        return segment

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def clear(self) -> None:
        with self._lock:
            self._segments.clear()
            self._bytes = 0

    def _keep(self, key: Key, segment: NDArray[Any]) -> None:
        if key in self._segments or segment.nbytes > self._most_bytes:
            return
        self._segments[key] = segment
        self._bytes += segment.nbytes
        while self._bytes > self._most_bytes:
            _, oldest = self._segments.popitem(last=False)
            self._bytes -= oldest.nbytes
