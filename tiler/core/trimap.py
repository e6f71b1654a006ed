"""What of a tile is known, for a network that has to be told: a trimap made of the tile's guide. Pure."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.fusion import UNSURE_SPREAD
from tiler.core.guide import SATURATED

Trimap = NDArray[np.float32]

# Half way between background, 0, and foreground, 1.
UNKNOWN = np.float32(0.5)
# How far what is not known reaches beyond what the guide shows of it, in guide pixels: the cubic that enlarges the
# guide makes each pixel of two guide pixels to either side.
BLUR_PX = 2


def trimap_of(guide: Trimap, spread: Trimap | None, guide_scale: float) -> Trimap:
    """Return the trimap of a tile, (h, w) float32: 0 = background, 0.5 = not known, 1 = foreground.

    guide: (h, w) float32 in 0..1. spread: (h, w) float32, how far the views of the base part; None where that is not
    known. guide_scale: side of a guide pixel in pixels of the tile, 1 or more.

    Not known are the pixels whose guide is not saturated and those where the views part, and what lies within
    `BLUR_PX` guide pixels of one, up, down or aside. A pixel depends on nothing further away.
    """
    unsure = (guide > SATURATED) & (guide < 1 - SATURATED)
    if spread is not None:
        unsure |= spread > UNSURE_SPREAD
    unsure = ndimage.maximum_filter(unsure, 2 * round(BLUR_PX * guide_scale) + 1, mode="nearest")
    return np.where(unsure, UNKNOWN, np.rint(guide)).astype(np.float32)
