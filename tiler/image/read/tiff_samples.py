"""What the samples of a TIFF mean, and how they become the samples of a `Source`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC

from tiler.image.depth import full_range
from tiler.image.source import Colour

# The sample format of floats (TIFF 6.0, tag 339).
FLOAT = 3


@dataclass(frozen=True)
class Interpretation:
    """What a source gives, and `convert`, from (h, w, samples) as decoded to (h, w, samples) of the source."""

    colour: Colour
    dtype: np.dtype[Any]
    convert: Callable[[NDArray[Any]], NDArray[Any]]


def interpretation_of(page: tifffile.TiffPage) -> Interpretation:
    """Return what the samples of a page, which has been checked, mean."""
    photometric, bits = page.photometric, page.bitspersample
    if photometric == PHOTOMETRIC.PALETTE:
        return _palette(np.asarray(page.colormap))
    colour: Colour = "grey"
    if photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        colour = "rgb"
    elif photometric == PHOTOMETRIC.SEPARATED:
        colour = "cmyk"
    inverted = photometric == PHOTOMETRIC.MINISWHITE
    if page.sampleformat == FLOAT:

        def as_float(pixels: NDArray[Any]) -> NDArray[Any]:
            with np.errstate(over="ignore", invalid="ignore"):
                floats = pixels.astype(np.float32, copy=False)
            return 1 - floats if inverted else floats

        return Interpretation(colour, np.dtype(np.float32), as_float)

    def as_integer(pixels: NDArray[Any]) -> NDArray[Any]:
        spread = full_range(pixels, bits)
        return np.invert(spread) if inverted else spread

    return Interpretation(colour, np.dtype(np.uint8 if bits <= 8 else np.uint16), as_integer)


def _palette(colours: NDArray[Any]) -> Interpretation:
    """Return what indices into a (3, n) palette of 16 bits mean: RGB, uint8 if no colour needs more."""
    table: NDArray[Any] = np.ascontiguousarray(colours.T.astype(np.uint16))
    eight = (table >> 8).astype(np.uint8)
    if np.array_equal(table, eight.astype(np.uint16) * 257) or not (table & 255).any():
        table = eight
    return Interpretation("rgb", table.dtype, lambda pixels: table[pixels[..., 0].astype(np.intp)])
