"""Decoded pieces of a file, the most recently used of them, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)


class SegmentCache(Generic[Key]):
    """Keeps the pieces that were asked for last, as many as fit in `most_bytes`; any thread may ask.

    Pieces are made outside the lock, so threads decode side by side; two that miss the same piece at the same
    moment both make it, which costs time and never changes a pixel.
    """

    def __init__(self, make: Callable[[Key], NDArray[Any]], most_bytes: int) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._pieces: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Key) -> NDArray[Any]:
        """Return the piece of `key`, read-only and shared."""
        with self._lock:
            if key in self._pieces:
                self._pieces.move_to_end(key)
                return self._pieces[key]
        piece = np.asarray(self._make(key)).view()
        piece.flags.writeable = False
        with self._lock:
            self._keep(key, piece)
        return piece

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def clear(self) -> None:
        with self._lock:
            self._pieces.clear()
            self._bytes = 0

    def _keep(self, key: Key, piece: NDArray[Any]) -> None:
        if key in self._pieces or piece.nbytes > self._most_bytes:
            return
        self._pieces[key] = piece
        self._bytes += piece.nbytes
        while self._bytes > self._most_bytes:
            _, oldest = self._pieces.popitem(last=False)
            self._bytes -= oldest.nbytes
