"""Depth: the same samples in another type of number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.image.colour import to_srgb

# The largest finite half float.
LARGEST_HALF = 65504


def to_depth(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (h, w, samples) pixels as `dtype`: uint8, uint16, float16 or float32.

    8 to 16 bit is times 257, 16 to 8 bit is rounded to the nearest; both are exact. Integers are on the curve of sRGB
    (IEC 61966-2-1) and floats are linear light, so the curve is applied or undone between the two.
    """
    if pixels.dtype == dtype:
        return pixels
    if dtype.kind == "f":
        linear = pixels if pixels.dtype.kind == "f" else _linear(pixels)
        # Numbers beyond the range of half floats would become infinite.
        return (
            np.clip(linear, -LARGEST_HALF, LARGEST_HALF).astype(dtype) if dtype == np.float16 else linear.astype(dtype)
        )
    if pixels.dtype.kind == "f":
        return to_depth(to_srgb(pixels.astype(np.float32, copy=False), "rgb", None), dtype)
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def full_range(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return unsigned samples of `bits` bits spread over the full range of uint8, or of uint16 if `bits` is over 8.

    Of samples of more than 16 bits the lowest bits are dropped.
    """
    if bits in (8, 16):
        return pixels.astype(np.uint8 if bits == 8 else np.uint16, copy=False)
    if bits > 16:
        return (pixels >> (bits - 16)).astype(np.uint16)
    full, dtype = (255, np.uint8) if bits < 8 else (65535, np.uint16)
    largest = 2**bits - 1
    spread: NDArray[Any] = ((pixels.astype(np.uint32) * full + largest // 2) // largest).astype(dtype)
    return spread


def alpha_to_depth(alpha: NDArray[np.uint16], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return alpha, 65535 = foreground, as `dtype`, where foreground is the largest integer or 1.0."""
    return (alpha / np.float32(65535)).astype(dtype) if dtype.kind == "f" else to_depth(alpha, dtype)


def to_steps(alpha: NDArray[Any]) -> NDArray[np.uint16]:
    """Return alpha of any depth with 65535 = 1; floats are cut to 0..1 and rounded to the nearest, NaN becomes 0."""
    if alpha.dtype.kind == "f":
        alpha = np.rint(np.clip(np.nan_to_num(alpha, nan=0.0), 0, 1) * 65535).astype(np.uint16)
    return to_depth(alpha, np.dtype(np.uint16))


def premultiplied(pixels: NDArray[Any], alpha: NDArray[np.uint16]) -> NDArray[Any]:
    """Return (h, w, samples) pixels times (h, w, 1) alpha, 65535 = foreground; integers are rounded to the nearest."""
    if pixels.dtype.kind == "f":
        return np.asarray((pixels * (alpha / np.float32(65535))).astype(pixels.dtype))
    # The largest sum, 65535 x 65535 + 32767, fits into 32 bits without a sign.
    return ((pixels.astype(np.uint32) * alpha + 32767) // 65535).astype(pixels.dtype)


def _linear(pixels: NDArray[Any]) -> NDArray[np.float32]:
    curved = pixels / np.float32(np.iinfo(pixels.dtype).max)
    linear = np.where(curved <= 0.04045, curved / 12.92, ((curved + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear.astype(np.float32))
