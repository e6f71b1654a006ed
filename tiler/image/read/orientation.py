"""Orientation: how a picture lies in its file, and how it is turned upright (Exif 2.32, tag 274).

Orientations are numbered from 1, upright, to 8.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span
from tiler.image.source import Colour, Metadata, Pixels, Source

# Orientations whose stored rows, or stored columns, are seen in reverse order.
ROWS_REVERSED, COLUMNS_REVERSED = (3, 4, 6, 7), (2, 3, 7, 8)


def exchanges_sides(orientation: int) -> bool:
    """Return whether stored rows are columns of the upright picture."""
    return orientation >= 5


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return (h, w, samples) pixels that are stored in `orientation` as the upright picture, a view."""
    if orientation in ROWS_REVERSED:
        pixels = pixels[::-1]
    if orientation in COLUMNS_REVERSED:
        pixels = pixels[:, ::-1]
    return pixels.swapaxes(0, 1) if exchanges_sides(orientation) else pixels


@dataclass(frozen=True)
class TurnedSource:
    """A `Source` that turns another one upright.

    source: the picture as it is stored; it must be readable in any order. orientation: how it is stored. metadata: that
    of the upright picture. random_access: False if windows are to be read from top to bottom, once, even so.
    """

    source: Source
    orientation: int
    metadata: Metadata
    random_access: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.source.shape
        return (width, height) if exchanges_sides(self.orientation) else (height, width)

    @property
    def colour(self) -> Colour:
        return self.source.colour

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def has_alpha(self) -> bool:
        return self.source.has_alpha

    def read(self, box: Box) -> Pixels:
        height, width = self.source.shape
        rows, cols = (box.cols, box.rows) if exchanges_sides(self.orientation) else (box.rows, box.cols)
        if self.orientation in ROWS_REVERSED:
            rows = Span(height - rows.stop, height - rows.start)
        if self.orientation in COLUMNS_REVERSED:
            cols = Span(width - cols.stop, width - cols.start)
        return upright(self.source.read(Box(rows, cols)), self.orientation)

    def close(self) -> None:
        self.source.close()
