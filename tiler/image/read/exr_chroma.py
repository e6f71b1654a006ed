"""Luminance and chroma of OpenEXR as red, green and blue (Technical Introduction to OpenEXR; ImfRgbaYca).

Y is the luminance of each pixel; RY = (R - Y) / Y and BY = (B - Y) / Y are stored for every second pixel of every
second row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a pixel between two stored ones takes of those at distances of 1, 3, ... 13 px to either side.
FILTER = (0.627123, -0.186077, 0.087929, -0.043159, 0.019597, -0.007540, 0.002128)


def colours_of(y: NDArray[Any], ry: NDArray[Any], by: NDArray[Any], chromaticities: Any) -> NDArray[np.float32]:
    """Return (h, w, 3) linear RGB, float32, of the (h, w) luminance and the chroma of full or of half size.

    chromaticities: red, green, blue and white in CIE x, y. Raises ValueError for chroma of another size.
    """
    red, green, blue = _weights(chromaticities)
    y = y.astype(np.float32)
    r, b = ((_full(chroma, y.shape) + 1) * y for chroma in (ry, by))
    return np.stack([r, (y - red * r - blue * b) / green, b], axis=2).astype(np.float32)


def _full(chroma: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    plane: NDArray[np.float32] = chroma.astype(np.float32)
    if plane.shape == shape:
        return plane
    if plane.shape != tuple(-(-size // 2) for size in shape):
        raise ValueError("its chroma is of another size")
    rows = _doubled(plane, shape[0])
    return np.ascontiguousarray(_doubled(rows.T, shape[1]).T)


def _doubled(plane: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Return rows with one between each two; at the borders the last row is repeated."""
    padded = np.pad(plane, ((len(FILTER), len(FILTER)), (0, 0)), mode="edge")
    doubled = np.empty((2 * plane.shape[0], plane.shape[1]), np.float32)
    doubled[::2] = plane
    between = np.zeros_like(plane)
    for step, weight in enumerate(FILTER):
        for at in (len(FILTER) - step, len(FILTER) + 1 + step):
            between += np.float32(weight) * padded[at : at + plane.shape[0]]
    doubled[1::2] = between
    return doubled[:rows]


def _weights(chromaticities: Any) -> tuple[float, float, float]:
    """Return the shares of red, green and blue in the luminance."""
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in np.reshape(chromaticities, (4, 2)))
    primaries = np.column_stack([red, green, blue])
    shares = np.linalg.solve(primaries, white)
    return float(shares[0]), float(shares[1]), float(shares[2])
