"""A background that runs from one colour to another along a line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.image.layers.target import Target, dithered, in_colours_of

POINTS = 4097


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """A linear gradient as in CSS (Images Level 3): the colours are those of the corners that the line reaches first.

    samples: (n, 3) at equal steps of the line, in the range of `dtype`, of the target. shape: (height, width).
    direction: (down, right) of the line, a unit vector.
    """

    samples: NDArray[np.float64]
    dtype: np.dtype[Any]
    shape: tuple[int, int]
    direction: tuple[float, float]

    def read(self, box: Box) -> NDArray[Any]:
        height, width = self.shape
        down, right = self.direction
        length = abs(height * down) + abs(width * right)
        y, x = np.ogrid[box.rows.slice, box.cols.slice]
        at = 0.5 + ((y + 0.5 - height / 2) * down + (x + 0.5 - width / 2) * right) / length
        points = np.linspace(0, 1, len(self.samples))
        exact = np.stack([np.interp(at, points, self.samples[:, k]) for k in range(3)], axis=-1)
        return dithered(exact.astype(np.float32), box, self.dtype)


def gradient(first: tuple[int, ...], last: tuple[int, ...], degrees: float, target: Target) -> Gradient:
    """Return the gradient from one sRGB colour to another; degrees: 0 runs upwards, 90 to the right, 180 downwards."""
    share = np.linspace(0, 1, POINTS)[:, None]
    srgb = np.rint((np.array(first) * (1 - share) + np.array(last) * share) * 257).astype(np.uint16)[None]
    # At 16 bit, so that rounding comes last.
    fine = Target(target.shape, np.dtype(np.uint16 if target.dtype == np.uint8 else target.dtype), target.icc)
    samples = in_colours_of(fine, srgb, None, Path("gradient"))[0].astype(np.float64)
    angle = np.deg2rad(degrees)
    return Gradient(
        samples / 257 if target.dtype == np.uint8 else samples,
        target.dtype,
        target.shape,
        (-float(np.cos(angle)), float(np.sin(angle))),
    )
