"""A picture that can be read: what it is, and the pixels of any window of it."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

# What the samples of a pixel mean: (red, green, blue), (lightness), or (cyan, magenta, yellow, black) with 0 = no ink.
Colour = Literal["rgb", "grey", "cmyk"]
SAMPLES: dict[Colour, int] = {"rgb": 3, "grey": 1, "cmyk": 4}

# Rows of a band: a picture that is read or written from top to bottom passes in bands of so many rows, the last may be
# short. The number is even, so that every band halves by itself, and it is also the side of a stored chunk or tile, so
# that a row of chunks is written once.
BAND_ROWS = 512


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says besides its pixels; each block as it was stored, None where there is none.

    icc: the colour profile. dpi: (horizontal, vertical) pixels per inch. exif: a TIFF structure that begins with
    II or MM (no "Exif" header), its orientation already 1. xmp: the packet, UTF-8. iptc: IIM records.
    notes: what a person should know about how the file was understood, a sentence each. texts: comments, as (keyword,
    text). png_colour: (kind, content) of the chunks of a PNG that say which colours its samples mean.
    """

    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    notes: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    png_colour: tuple[tuple[bytes, bytes], ...] = ()


class Source(Protocol):
    """A picture on disk, upright, read window by window with bounded memory.

    shape: (height, width) in pixels. colour: what the samples mean, "rgb" with three to a pixel, "grey" with one,
    "cmyk" with four. dtype: uint8 or uint16, full range; float32, linear light with 1 = white. metadata: see
    `Metadata`. has_alpha: a pixel has one sample more, an alpha of the picture's own. It is straight; the full range,
    or 1 of floats, is opaque. random_access: False if `read` must be asked for bands of rows from top to bottom, each
    row once.
    """

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def colour(self) -> Colour: ...
    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]: ...
    @property
    def metadata(self) -> Metadata: ...
    @property
    def has_alpha(self) -> bool: ...
    @property
    def random_access(self) -> bool: ...

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, samples) pixels of `box`, which lies inside the picture. Safe from any thread."""

    def close(self) -> None: ...


def samples_of(source: Source) -> int:
    """Return how many samples a pixel of `source` has: those of its colour, and its own alpha."""
    return SAMPLES[source.colour] + source.has_alpha
