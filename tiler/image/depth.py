"""The same light in another kind of number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.image.colour import to_srgb

MOST_HALF = 65504


def to_depth(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (h, w, samples) pixels as `dtype`: uint8, uint16, float16 or float32.

    8 to 16 bit is times 257, 16 to 8 bit to the nearest; both exact. Integers are on the curve of sRGB
    (IEC 61966-2-1) and floats are linear light, so between the two the curve is applied or undone.
    """
    if pixels.dtype == dtype:
        return pixels
    if dtype.kind == "f":
        linear = pixels if pixels.dtype.kind == "f" else _linear(pixels)
        # Numbers beyond the range of half floats would become infinite.
        return np.clip(linear, -MOST_HALF, MOST_HALF).astype(dtype) if dtype == np.float16 else linear.astype(dtype)
    if pixels.dtype.kind == "f":
        return to_depth(to_srgb(pixels.astype(np.float32, copy=False), "rgb", None), dtype)
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def alpha_to_depth(alpha: NDArray[np.uint16], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return alpha, 65535 = foreground, as `dtype`, in which full is the greatest integer or 1.0."""
    return (alpha / np.float32(65535)).astype(dtype) if dtype.kind == "f" else to_depth(alpha, dtype)


def premultiplied(pixels: NDArray[Any], alpha: NDArray[np.uint16]) -> NDArray[Any]:
    """Return (h, w, samples) pixels times (h, w, 1) alpha, 65535 = foreground, integers to the nearest."""
    if pixels.dtype.kind == "f":
        return np.asarray((pixels * (alpha / np.float32(65535))).astype(pixels.dtype))
    # 64 bits: 65535 x 65535 and a half overflows nothing smaller that is signed or not.
    return ((pixels.astype(np.uint64) * alpha + 32767) // 65535).astype(pixels.dtype)


def _linear(pixels: NDArray[Any]) -> NDArray[np.float32]:
    curved = pixels / np.float32(np.iinfo(pixels.dtype).max)
    linear = np.where(curved <= 0.04045, curved / 12.92, ((curved + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear.astype(np.float32))
