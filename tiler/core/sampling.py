"""Box means, samples at every n-th pixel, and the way back from samples to pixels. Pure."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]
# Values at every n-th pixel of a plane, for what varies slowly.
Samples = NDArray[np.float32]


def local_mean(values: Plane, radius: int) -> Plane:
    """Return the mean of the (2 radius + 1)^2 values around each, of those that there are.

    values: (..., h, w) float32; planes before the last two axes are filtered each by itself. Returns the same shape.
    """
    size = 2 * radius + 1
    sides = (1,) * (values.ndim - 2) + (size, size)
    mean: Plane = ndimage.uniform_filter(values, sides, mode="constant")
    for n, axis in zip(values.shape[-2:], ((-1, 1), (1, -1)), strict=True):
        mean /= ndimage.uniform_filter1d(np.ones(n, np.float32), size, mode="constant").reshape(axis)
    return mean


def sampled(values: Plane, side: int, step: int) -> Samples:
    """Return the means of squares of `side` pixels, each in the middle of one of `step`.

    values: (h, w) float32. Where a square reaches beyond the last pixels, these are repeated.
    """
    rows, cols = (-size % step for size in values.shape)
    whole = np.pad(values, ((0, rows), (0, cols)), mode="edge") if rows or cols else values
    places = range((step - side) // 2, (step - side) // 2 + side)
    tall = np.sum([whole[k::step] for k in places], axis=0)
    return np.asarray(np.sum([tall[:, k::step] for k in places], axis=0) / side**2, np.float32)


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
    count = samples.shape[-2]
    at = np.clip((np.arange(size) - first) / step, 0, count - 1)
    before = at.astype(np.intp)
    weight = (at - before).astype(np.float32)[:, None]
    lower = samples.take(before, axis=-2)
    out: Plane = samples.take(np.minimum(before + 1, count - 1), axis=-2)
    out -= lower
    out *= weight
    out += lower
    return out
