"""What every writer is given: a picture to be, and its rows from top to bottom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tiler.image.source import SAMPLES, Colour, Metadata
from tiler.settings import Settings

# Rows of each band that a writer is given; the last may be short.
BAND_ROWS = 512

# Whether the colours are as they are without the matte, or each times its alpha.
AlphaKind = Literal["straight", "premultiplied"]


@dataclass(frozen=True, slots=True)
class OutputImage:
    """A picture to be written.

    shape: (height, width) in pixels. colour: what the samples mean, the alpha apart. alpha: whether it is the last
    sample, and what the colours then are; None if there is none. dtype: uint8, uint16, float32 or float16, the
    floats linear light. metadata: what to keep with it. bands: (h, w, samples) rows from top to bottom, `BAND_ROWS`
    at a time, once. settings: how to compress, and with how many threads.
    """

    shape: tuple[int, int]
    colour: Colour
    alpha: AlphaKind | None
    dtype: np.dtype[Any]
    metadata: Metadata
    bands: Iterator[NDArray[Any]]
    settings: Settings

    @property
    def samples(self) -> int:
        return SAMPLES[self.colour] + (self.alpha is not None)


def writable(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels with the low byte of each number first, as the files have them."""
    return np.asarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
