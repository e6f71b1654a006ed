"""Overviews: the picture at half, a quarter and so on of its size, made while its rows are written."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.image.halving import halve
from tiler.image.source import BAND_ROWS

Sink = Callable[[NDArray[Any]], None]


class Cascade:
    """A chain of sinks: the first is given each band of rows as it is, the second at half size, and so on.

    Every sink is given (h, w, samples) bands from top to bottom, `BAND_ROWS` rows at a time; the last may be short.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._waiting: list[NDArray[Any] | None] = [None] * len(sinks)

    def push(self, band: NDArray[Any], level: int = 0) -> None:
        self._sinks[level](band)
        if level + 1 == len(self._sinks):
            return
        half, above = halve(band), self._waiting[level]
        if above is None and band.shape[0] == BAND_ROWS:
            self._waiting[level] = half
            return
        self._waiting[level] = None
        self.push(half if above is None else np.concatenate([above, half]), level + 1)

    def close(self) -> None:
        """Pass on the bands that still wait for rows below them; call it after the last band."""
        for level, waiting in enumerate(self._waiting):
            if waiting is not None:
                self._waiting[level] = None
                self.push(waiting, level + 1)


def overview_shapes(shape: tuple[int, int], least_px: int) -> list[tuple[int, int]]:
    """Return the shapes of the overviews of `shape`, down to the first whose longer side is `least_px` or less."""
    shapes = []
    while max(shape) > least_px:
        shape = -(-shape[0] // 2), -(-shape[1] // 2)
        shapes.append(shape)
    return shapes
