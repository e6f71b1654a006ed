"""The smaller sizes of a picture, gathered while its rows pass by."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.image.write.output import BAND_ROWS

Sink = Callable[[NDArray[Any]], None]


class Cascade:
    """Bands of rows go to the first sink as they are, at half size to the second, and so on.

    Every sink is given (h, w, samples) bands from top to bottom, `BAND_ROWS` at a time, the last may be short.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._waiting: list[NDArray[Any] | None] = [None] * len(sinks)

    def push(self, band: NDArray[Any], level: int = 0) -> None:
        self._sinks[level](band)
        if level + 1 == len(self._sinks):
            return
        half, above = halved(band), self._waiting[level]
        if above is None and band.shape[0] == BAND_ROWS:
            self._waiting[level] = half
            return
        self._waiting[level] = None
        self.push(half if above is None else np.concatenate([above, half]), level + 1)

    def close(self) -> None:
        """Hand on what still waits for the rows below it, when the last band has passed."""
        for level, waiting in enumerate(self._waiting):
            if waiting is not None:
                self._waiting[level] = None
                self.push(waiting, level + 1)


def halved(band: NDArray[Any]) -> NDArray[Any]:
    """Return (h, w, samples) pixels at half size, rounded up: means of 2 x 2; an odd end stands alone."""
    height, width, samples = band.shape
    even = np.pad(band, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    sums = even[0::2].astype(np.float32 if even.dtype.kind == "f" else np.uint32) + even[1::2]
    sums = sums[:, 0::2] + sums[:, 1::2]
    half = sums / np.float32(4) if even.dtype.kind == "f" else (sums + 2) >> 2
    return np.asarray(half.astype(band.dtype).reshape(-(-height // 2), -(-width // 2), samples))


def halvings(shape: tuple[int, int], least_px: int) -> list[tuple[int, int]]:
    """Return the shapes of the smaller sizes of `shape`, down to the first whose longer side is `least_px` or less."""
    shapes = []
    while max(shape) > least_px:
        shape = -(-shape[0] // 2), -(-shape[1] // 2)
        shapes.append(shape)
    return shapes
