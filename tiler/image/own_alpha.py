"""The alpha that a picture has already: what was cut away before does not come back.

The network sees neutral grey where the picture is transparent, not what happens to lie there. The result is the alpha
of the network times that of the picture.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.image.colour import to_srgb
from tiler.image.depth import to_steps
from tiler.image.source import SAMPLES, Colour, Metadata, Pixels, Source

# The middle of the range of each sample type.
GREY = {np.dtype(np.uint8): 128, np.dtype(np.uint16): 32768}
OPAQUE = 65535


def split(pixels: Pixels, source: Source) -> tuple[NDArray[Any], NDArray[np.uint16] | None]:
    """Return the colours, (h, w, samples), and the own alpha, (h, w, 1) with 65535 = opaque, of pixels of `source`.

    The alpha is None if the picture has none.
    """
    if not source.has_alpha:
        return pixels, None
    samples = SAMPLES[source.colour]
    return pixels[..., :samples], to_steps(pixels[..., samples:])


def seen(pixels: Pixels, source: Source) -> NDArray[Any]:
    """Return pixels of `source` as a network is shown them: (h, w, 3) sRGB over neutral grey, uint8 or uint16.

    Each sample is (colour x alpha + grey x (65535 - alpha)) / 65535, rounded to the nearest.
    """
    colours, alpha = split(pixels, source)
    srgb = to_srgb(colours, source.colour, source.metadata.icc)
    if alpha is None or (alpha == OPAQUE).all():
        return srgb
    # These fit into 32 bits without a sign.
    share = alpha.astype(np.uint32)
    mixed = (srgb * share + np.uint32(GREY[srgb.dtype]) * (OPAQUE - share) + 32767) // OPAQUE
    return np.asarray(mixed.astype(srgb.dtype))


def times(alpha: NDArray[np.uint16], own: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return alpha x own alpha, both with 65535 = 1, rounded to the nearest; times 65535 is exactly itself."""
    return np.asarray(((alpha.astype(np.uint32) * own + 32767) // OPAQUE).astype(np.uint16))


def straight(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (h, w, samples) pixels, whose colours are multiplied by their last sample, with them divided by it.

    Integers are rounded to the nearest and cut to their range; where the alpha is 0 they are 0. Floats are not cut, and
    stay as they are where the alpha is not above 0.
    """
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    divided: NDArray[Any]
    if pixels.dtype.kind == "f":
        divided = np.divide(colours, alpha, out=colours.copy(), where=alpha > 0)
    else:
        top = np.uint32(np.iinfo(pixels.dtype).max)
        # The largest sum, 65535 x 65535 + 32767, fits into 32 bits without a sign.
        divisor = np.maximum(alpha, 1).astype(np.uint32)
        divided = np.where(alpha > 0, np.minimum((colours * top + divisor // 2) // divisor, top), 0)
    return np.concatenate([divided.astype(pixels.dtype), alpha], axis=2)


@dataclass(frozen=True)
class WithoutAlpha:
    """A `Source` whose own alpha is left out."""

    source: Source
    has_alpha: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.shape

    @property
    def colour(self) -> Colour:
        return self.source.colour

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def metadata(self) -> Metadata:
        return self.source.metadata

    @property
    def random_access(self) -> bool:
        return self.source.random_access

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, samples) colours of `box`."""
        return self.source.read(box)[..., : SAMPLES[self.colour]]

    def close(self) -> None:
        self.source.close()
