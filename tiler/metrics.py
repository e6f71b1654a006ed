"""The four errors that matting papers report, and the seams' own.

alpha, truth: (h, w) float arrays in 0..1 of one size. where: (h, w) bool, the pixels that count; all, if None.
C. Rhemann et al., "A perceptually motivated online benchmark for image matting", CVPR 2009, is the source of
Grad and Conn and of their constants.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Alpha = NDArray[np.floating]
Mask = NDArray[np.bool_]

GRADIENT_SIGMA_PX = 1.4
CONN_STEP = 0.1
CONN_THETA = 0.15


def mad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the mean of |alpha - truth|."""
    return float(np.mean(_chosen(np.abs(alpha - truth), where)))


def sad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the sum of |alpha - truth| in thousands; it grows with the number of pixels."""
    return float(np.sum(_chosen(np.abs(alpha - truth), where), dtype=np.float64)) / 1000


def mse(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the mean of (alpha - truth)^2."""
    return float(np.mean(_chosen((alpha - truth) ** 2, where)))


def grad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the sum of squared differences of gradient magnitudes (Gaussian derivatives) in thousands."""
    return float(np.sum(_chosen((_slope(alpha) - _slope(truth)) ** 2, where), dtype=np.float64)) / 1000


def conn(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the connectivity error in thousands: alpha that has come loose from the largest common object."""
    loose_at = np.ones_like(truth)
    joined = np.ones(truth.shape, bool)
    for step in np.arange(CONN_STEP, 1 + CONN_STEP / 2, CONN_STEP):
        largest = _largest((alpha >= step) & (truth >= step))
        loose_at[joined & ~largest] = step - CONN_STEP
        joined &= largest
    error = np.abs(_phi(alpha, loose_at) - _phi(truth, loose_at))
    return float(np.sum(_chosen(error, where), dtype=np.float64)) / 1000


def band(truth: Alpha, margin_px: int) -> Mask:
    """Return the pixels within `margin_px` of where the truth is neither 0 nor 1: hair, fur, every edge."""
    soft = (truth > 0) & (truth < 1)
    hard = ndimage.maximum_filter(truth, 3) - ndimage.minimum_filter(truth, 3) > 0.5
    size = 2 * margin_px + 1
    return np.asarray(ndimage.maximum_filter(soft | hard, size))


def _chosen(values: Alpha, where: Mask | None) -> Alpha:
    return values if where is None else values[where]


def _slope(alpha: Alpha) -> Alpha:
    down = ndimage.gaussian_filter(alpha, GRADIENT_SIGMA_PX, order=(1, 0))
    right = ndimage.gaussian_filter(alpha, GRADIENT_SIGMA_PX, order=(0, 1))
    return np.asarray(np.hypot(down, right))


def _largest(mask: Mask) -> Mask:
    """Return the largest 4-connected part of `mask`."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _phi(alpha: Alpha, loose_at: Alpha) -> Alpha:
    distance = alpha - loose_at
    return 1 - distance * (distance >= CONN_THETA)
