"""The output image: what every writer is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tiler.image.source import SAMPLES, Colour, Metadata
from tiler.settings import Compression

# Whether the colours are as they are without the matte, or each times its alpha.
AlphaKind = Literal["straight", "premultiplied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputImage:
    """A picture to be written, and how.

    shape: (height, width) in pixels. colour: what the samples mean, the alpha apart. alpha: the kind of alpha that the
    last sample is; None if there is no alpha. dtype: uint8, uint16, or float32 and float16 in linear light. metadata:
    what to write besides the pixels. bands: (h, w, samples) rows from top to bottom, `BAND_ROWS` at a time, once; the
    last may be short. compression: that of a TIFF. overviews: whether a TIFF gets them. threads: how many may compress
    at once. scratch: a directory for temporary files.
    """

    shape: tuple[int, int]
    colour: Colour
    alpha: AlphaKind | None
    dtype: np.dtype[Any]
    metadata: Metadata
    bands: Iterator[NDArray[Any]]
    compression: Compression
    overviews: bool
    threads: int
    scratch: Path

    @property
    def samples(self) -> int:
        return SAMPLES[self.colour] + (self.alpha is not None)


def writable(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels in little-endian order, as the files have them."""
    return np.asarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
