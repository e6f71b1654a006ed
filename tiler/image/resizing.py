"""Resizing by an antialiased cubic, a part of a picture at a time."""

import numpy as np
from PIL import Image

from tiler.image.source import Pixels

# Pixels that the cubic kernel reaches to either side, for each pixel that a target pixel covers.
KERNEL_REACH = 2


def reach_of(scale: float) -> int:
    """Return how many pixels the kernel reaches beyond those that a target pixel covers, when shrinking by `scale`."""
    return int(np.ceil(KERNEL_REACH * max(scale, 1.0))) + 1


def resized(pixels: Pixels, shape: tuple[int, int], part: tuple[float, float, float, float]) -> Pixels:
    """Return `part` (left, top, right, bottom) of the pixels, resized to `shape` by Pillow's antialiased cubic.

    Integers are rounded and cut to their range, of floats what is below 0 is cut.
    """
    resized = np.empty((*shape, 3), pixels.dtype)
    top = {1: 255, 2: 65535}.get(pixels.itemsize)
    for channel in range(3):
        plane = Image.fromarray(pixels[..., channel].astype(np.float32))
        cubic = np.asarray(plane.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=part))
        resized[..., channel] = np.maximum(cubic, 0) if top is None else np.clip(np.rint(cubic), 0, top)
    return resized
