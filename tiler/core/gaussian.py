"""Means under a Gaussian, of which a window with enough around it holds to the bit what the whole would. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIGMAS = 3


def reach_of(sigma: float) -> int:
    """Return how many values to either side count: three sigma, rounded up."""
    return int(np.ceil(SIGMAS * sigma))


def blurred(values: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Return the means of (h, w) or (h, w, n) values under a Gaussian cut at 3 sigma.

    `reach_of(sigma)` values on each side are used and not returned.
    """
    reach = reach_of(sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    # Every value is a sum of its own, in a fixed order: a running sum would depend on where it began.
    tall = ndimage.correlate1d(values, kernel, axis=0, output=np.float32)[reach : values.shape[0] - reach]
    return np.asarray(ndimage.correlate1d(tall, kernel, axis=1)[:, reach : values.shape[1] - reach], np.float32)
