"""The picture as a network sees it."""

import numpy as np
from numpy.typing import NDArray

from tiler.image.source import Pixels


def to_network(pixels: Pixels) -> NDArray[np.float32]:
    """Return uint8 or uint16 pixels of any shape as float32 in 0..255."""
    eyes = pixels.astype(np.float32)
    return eyes if pixels.dtype == np.uint8 else eyes / np.float32(257)
