"""What the samples of a TIFF mean, and how they become those of a `Source`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC

from tiler.image.read.in_memory import full_range
from tiler.image.source import Colour

FLOAT = 3  # TIFF 6.0, tag 339


@dataclass(frozen=True)
class Kind:
    """What a source gives, and the function from (h, w, samples) as decoded to that."""

    colour: Colour
    dtype: np.dtype[Any]
    understood: Callable[[NDArray[Any]], NDArray[Any]]


def kind_of(page: tifffile.TiffPage) -> Kind:
    """Return the kind of a page that has been checked."""
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

        return Kind(colour, np.dtype(np.float32), as_float)

    def as_whole(pixels: NDArray[Any]) -> NDArray[Any]:
        spread = full_range(pixels, bits)
        return np.invert(spread) if inverted else spread

    return Kind(colour, np.dtype(np.uint8 if bits <= 8 else np.uint16), as_whole)


def _palette(colours: NDArray[Any]) -> Kind:
    """Return the kind for a (3, n) palette of 16 bits: of 8 bits if no colour needs more."""
    table: NDArray[Any] = np.ascontiguousarray(colours.T.astype(np.uint16))
    eight = (table >> 8).astype(np.uint8)
    if np.array_equal(table, eight.astype(np.uint16) * 257) or not (table & 255).any():
        table = eight
    return Kind("rgb", table.dtype, lambda pixels: table[pixels[..., 0].astype(np.intp)])
