"""Box means, samples at every n-th pixel, and the way back from samples to pixels. Pure."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]
# Values at every n-th pixel of a plane, for what varies slowly.
Samples = NDArray[np.float32]


def local_mean(values: Plane, radius: int, every: int = 1) -> Plane:
    """Return the mean of the (2 radius + 1)^2 values around each, of those that there are.

    values: (..., h, w) float32; planes before the last two axes are filtered each by itself. every: the step between
    the rows and columns that are returned, the first of which is the first.
    """
    size = 2 * radius + 1
    mean = values
    for axis in (-1, -2):
        shown: Plane = ndimage.uniform_filter1d(mean, size, axis=axis, mode="constant")
        there = _there(values.shape[axis], size)[::every]
        mean = shown[..., ::every] if axis == -1 else shown[..., ::every, :]
        mean /= there if axis == -1 else there[:, None]
    return mean


@lru_cache(maxsize=2**8)
def _there(length: int, size: int) -> NDArray[np.float32]:
    """Return the share of a window of `size` values that lies in a line of `length`, at each of its places."""
    there: NDArray[np.float32] = ndimage.uniform_filter1d(np.ones(length, np.float32), size, mode="constant")
    there.flags.writeable = False
    return there


def sampled(values: Plane, side: int, step: int) -> Samples:
    """Return the means of squares of `side` pixels, each in the middle of one of `step`.

    values: (h, w) float32. Where a square reaches beyond the last pixels, these are repeated.
    """
    rows, cols = (-size % step for size in values.shape)
    whole = np.pad(values, ((0, rows), (0, cols)), mode="edge") if rows or cols else values
    first = (step - side) // 2
    tall = whole[first::step].copy()
    for k in range(first + 1, first + side):
        tall += whole[k::step]
    wide = tall[:, first::step].copy()
    for k in range(first + 1, first + side):
        wide += tall[:, k::step]
    return np.asarray(wide / side**2, np.float32)


def interpolated(samples: Samples, shape: tuple[int, int], step: int, first: float = 0.0) -> Plane:
    """Return (..., h, w) values for all pixels of `shape` (h, w): linear between samples `step` apart.

    first: where the first sample lies, in pixels. Values are constant before the first and beyond the last sample.
    """
    wide = _stretched(np.ascontiguousarray(samples.swapaxes(-1, -2)), shape[1], step, first).swapaxes(-1, -2)
    return _stretched(np.ascontiguousarray(wide), shape[0], step, first)


def solved(matrix: list[list[Samples]], right: list[Samples]) -> list[Samples]:
    """Return x of `matrix` x = `right` at every sample, by elimination, in place.

    matrix: the lower triangle of a positive definite matrix, so that no pivot need be sought.
    """
    size = len(right)
    for k in range(size):
        for i in range(k + 1, size):
            factor = matrix[i][k] / matrix[k][k]
            for j in range(k + 1, i + 1):
                matrix[i][j] -= factor * matrix[j][k]
            right[i] -= factor * right[k]
    for k in reversed(range(size)):
        for j in range(k + 1, size):
            right[k] -= matrix[j][k] * right[j]
        right[k] /= matrix[k][k]
    return right


def _stretched(samples: Samples, size: int, step: int, first: float) -> Plane:
    """Return `size` rows, linear between those of `samples`, which are `step` apart."""
    # Row p + step m lies at m + offsets[p], so all rows of one p have one weight, and no row need be looked up.
    offsets = (np.arange(step) - first) / step
    before = np.floor(offsets).astype(int)
    ahead, behind = max(0, -int(before[0])), max(0, int(before[-1]) - (-size // step) + 1 - samples.shape[-2])
    around = np.clip(np.arange(-ahead, samples.shape[-2] + behind + 1), 0, samples.shape[-2] - 1)
    whole = np.take(samples, around, axis=-2)
    rise = np.diff(whole, axis=-2)
    out: Plane = np.empty((*samples.shape[:-2], size, samples.shape[-1]), np.float32)
    for p in range(min(step, size)):
        rows = out[..., p::step, :]
        here = slice(ahead + before[p], ahead + before[p] + rows.shape[-2])
        np.multiply(rise[..., here, :], np.float32(offsets[p] - before[p]), out=rows)
        rows += whole[..., here, :]
    return out
