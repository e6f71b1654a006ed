"""Decoded segments of a file: the most recently used ones are kept, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)


class SegmentCache(Generic[Key]):
    """A least-recently-used cache of arrays that holds at most `most_bytes`; safe from any thread.

    Segments are made outside the lock, so threads decode side by side. Two threads that miss the same segment at the
    same moment both make it, which costs time and never changes a pixel.
    """

    def __init__(self, make: Callable[[Key], NDArray[Any]], most_bytes: int) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._segments: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Key) -> NDArray[Any]:
        """Return the segment of `key`, read-only and shared."""
        with self._lock:
            if key in self._segments:
                self._segments.move_to_end(key)
                return self._segments[key]
        segment = np.asarray(self._make(key)).view()
        segment.flags.writeable = False
        with self._lock:
            self._keep(key, segment)
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
