"""Planes of numbers: at half their size, at twice their size, and the sums of windows. Pure.

Every number is made from a fixed set of others in a fixed order, so a part of a plane gives to the bit what the whole
would.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
# Two planes at once: (2, h, w).
Pair = NDArray[np.float32]

# A window is so many values to either side of one.
RADIUS = 2


@dataclass(frozen=True, slots=True)
class WindowSums:
    """The sums of the 5 x 5 values around each of (2, h, w) values, which are written to `middle` before.

    New memory costs more than the sums, so there is room for what lies between values and sums.
    """

    framed: Pair
    tall_twos: Pair
    tall: Pair
    twos: Pair

    @staticmethod
    def of(shape: tuple[int, ...]) -> "WindowSums":
        _, height, width = shape
        wide = width + 2 * RADIUS
        tall_twos, tall = (np.empty((2, rows, wide), np.float32) for rows in (height + 3, height))
        framed = np.zeros((2, height + 2 * RADIUS, wide), np.float32)
        return WindowSums(framed, tall_twos, tall, np.empty((2, height, width + 3), np.float32))

    @property
    def middle(self) -> Pair:
        return self.framed[:, RADIUS:-RADIUS, RADIUS:-RADIUS]

    def into(self, sums: Pair) -> Pair:
        """Write the sums to (2, h, w) `sums`, and return it."""
        # Each sum is ((a + b) + (c + d)) + e, wherever it lies: a running sum would depend on where it began.
        np.add(self.framed[:, :-1], self.framed[:, 1:], out=self.tall_twos)
        np.add(self.tall_twos[:, :-3], self.tall_twos[:, 2:-1], out=self.tall)
        np.add(self.tall, self.framed[:, 4:], out=self.tall)
        np.add(self.tall[:, :, :-1], self.tall[:, :, 1:], out=self.twos)
        np.add(self.twos[:, :, :-3], self.twos[:, :, 2:-1], out=sums)
        sums += self.tall[:, :, 4:]
        return sums


def half(plane: Plane) -> Plane:
    """Return (h, w) at half its size, sides rounded up: the mean of 2 x 2 values, an odd last one repeated."""
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    tall = plane[0::2] + plane[1::2]
    mean: Plane = tall[:, 0::2] + tall[:, 1::2]
    mean *= np.float32(0.25)
    return mean


def enlarged(pair: Pair) -> Pair:
    """Return (2, h, w) at twice its size, linear between the centres, constant beyond the outermost."""
    _, height, width = pair.shape
    tall, both = np.empty((2, 2 * height, width), np.float32), np.empty((2, 2 * height, 2 * width), np.float32)
    _double(pair.transpose(1, 0, 2), tall.transpose(1, 0, 2))
    _double(tall.transpose(2, 0, 1), both.transpose(2, 0, 1))
    return both


def _double(values: NDArray[np.float32], doubled: NDArray[np.float32]) -> None:
    """Write `values` at twice their length along the first axis to `doubled`."""
    own, quarter = values * np.float32(0.75), values * np.float32(0.25)
    np.add(own[1:], quarter[:-1], out=doubled[2::2])
    np.add(own[:-1], quarter[1:], out=doubled[1:-1:2])
    np.add(own[0], quarter[0], out=doubled[0])
    np.add(own[-1], quarter[-1], out=doubled[-1])
