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
    """What a source gives, and `convert`, from (h, w, samples) as decoded to (h, w, samples) of the source.

    convert: takes the index of the first of the samples too, which is not 0 in the later ones of separate planes.
    """

    colour: Colour
    dtype: np.dtype[Any]
    convert: Callable[[NDArray[Any], int], NDArray[Any]]


def interpretation_of(page: tifffile.TiffPage) -> Interpretation:
    """Return what the samples of a page, which has been checked, mean."""
    photometric, bits = page.photometric, page.bitspersample
    if photometric == PHOTOMETRIC.PALETTE:
        return _palette(np.asarray(page.colormap), bits)
    colour: Colour = "grey"
    if photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        colour = "rgb"
    elif photometric == PHOTOMETRIC.SEPARATED:
        colour = "cmyk"
    inverted = photometric == PHOTOMETRIC.MINISWHITE
    if page.sampleformat == FLOAT:

        def as_float(pixels: NDArray[Any], first: int) -> NDArray[Any]:
            with np.errstate(over="ignore", invalid="ignore"):
                floats = pixels.astype(np.float32, copy=False)
            return _with_grey(floats, 1 - floats[..., :1]) if inverted and not first else floats

        return Interpretation(colour, np.dtype(np.float32), as_float)

    def as_integer(pixels: NDArray[Any], first: int) -> NDArray[Any]:
        spread = full_range(pixels, bits)
        return _with_grey(spread, np.invert(spread[..., :1])) if inverted and not first else spread

    return Interpretation(colour, np.dtype(np.uint8 if bits <= 8 else np.uint16), as_integer)


def _with_grey(pixels: NDArray[Any], grey: NDArray[Any]) -> NDArray[Any]:
    """Return `pixels` with another first sample: an alpha behind it stays as it is."""
    return grey if pixels.shape[2] == 1 else np.concatenate([grey, pixels[..., 1:]], axis=2)


def _palette(colours: NDArray[Any], bits: int) -> Interpretation:
    """Return what indices of `bits` into a (3, n) palette of 16 bits mean: RGB, uint8 if no colour needs more.

    Samples behind the index, such as an alpha, are kept behind the colours.
    """
    table: NDArray[Any] = np.ascontiguousarray(colours.T.astype(np.uint16))
    eight = (table >> 8).astype(np.uint8)
    if np.array_equal(table, eight.astype(np.uint16) * 257) or not (table & 255).any():
        table = eight

    def convert(pixels: NDArray[Any], _first: int) -> NDArray[Any]:
        found = table[pixels[..., 0].astype(np.intp)]
        if pixels.shape[2] == 1:
            return found
        return np.concatenate([found, _of_depth(full_range(pixels[..., 1:], bits), table.dtype)], axis=2)

    return Interpretation("rgb", table.dtype, convert)


def _of_depth(samples: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return full-range uint8 or uint16 `samples` as full-range samples of `dtype`."""
    if samples.dtype == dtype:
        return samples
    return samples.astype(np.uint16) * 257 if dtype == np.uint16 else (samples >> 8).astype(np.uint8)
