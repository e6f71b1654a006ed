"""How far a matte is from the true alpha: the metrics that matting papers report, and the band in which hair lies.

mad    mean absolute difference
sad    sum of absolute differences, in thousands
mse    mean squared difference
grad   squared difference of the gradients, in thousands
conn   connectivity error, in thousands
band   the pixels around every edge of a true alpha, to measure there alone

The metrics take `alpha` and `truth`, (h, w) float arrays of one shape in 0..1, and `where`, an (h, w) bool array of the
pixels that count; None counts all. They return a float of at least 0, and 0 if alpha equals truth. They raise
InputError if an array has another shape or dtype, has no pixels, or has numbers that are not finite.

Grad and Conn, with their constants, are of C. Rhemann et al., "A perceptually motivated online benchmark for image
matting", CVPR 2009.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.errors import InputError

Alpha = NDArray[np.floating]
Mask = NDArray[np.bool_]

GRADIENT_SIGMA_PX = 1.4
CONN_STEP = 0.1
CONN_THETA = 0.15
# A hard edge of the truth: neighbours that differ by more than this have no soft pixel between them.
HARD_EDGE = 0.5


def mad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the mean of |alpha - truth| over the pixels that count, in 0..1.

    Raises InputError as all metrics do, and if no pixel counts.
    """
    return _mean(np.abs(_difference(alpha, truth, where)), where)


def sad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the sum of |alpha - truth| over the pixels that count, in thousands. It grows with their number."""
    return _thousands(np.abs(_difference(alpha, truth, where)), where)


def mse(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the mean of (alpha - truth)^2 over the pixels that count, in 0..1.

    Raises InputError as all metrics do, and if no pixel counts.
    """
    return _mean(_difference(alpha, truth, where) ** 2, where)


def grad(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the sum of (slope of alpha - slope of truth)^2 over the pixels that count, in thousands.

    The slope is the magnitude of the gradient, by derivatives of a Gaussian of 1.4 px, in alpha per pixel: an edge that
    rises by 0.1 from each pixel to the next has a slope of 0.1. Programs that divide the derivative filters by their
    Euclidean norm, as is common, give values that are about 97 times as large.
    """
    _check(alpha, truth, where)
    return _thousands((_slope(alpha) - _slope(truth)) ** 2, where)


def conn(alpha: Alpha, truth: Alpha, where: Mask | None = None) -> float:
    """Return the connectivity error over the pixels that count, in thousands.

    The error of a pixel is how much more of its alpha than of its truth is detached from the largest object that both
    have in common, or the other way round. At each threshold 0.1, 0.2, ..., 1 that object is the largest 4-connected
    part of the pixels where both alpha and truth reach the threshold. What a pixel has above the last threshold at
    which it belongs to the object is detached, if that is 0.15 or more.
    """
    _check(alpha, truth, where)
    attached_up_to = np.ones(truth.shape)
    attached = np.ones(truth.shape, bool)
    for threshold in np.arange(CONN_STEP, 1 + CONN_STEP / 2, CONN_STEP):
        largest = _largest((alpha >= threshold) & (truth >= threshold))
        attached_up_to[attached & ~largest] = threshold - CONN_STEP
        attached &= largest
    return _thousands(np.abs(_detached(alpha, attached_up_to) - _detached(truth, attached_up_to)), where)


def band(truth: Alpha, margin_px: int) -> Mask:
    """Return the pixels within `margin_px` of an edge, (h, w) bool: hair, fur and every outline.

    truth: (h, w) float in 0..1. An edge is where the truth is neither 0 nor 1, or jumps from one to the other. Distance
    is measured along rows and columns: the margin around one pixel is a square of 2 `margin_px` + 1.

    Raises InputError as the metrics do, and if `margin_px` is below 0.
    """
    _check(truth, truth, None)
    if margin_px < 0:
        raise InputError(f"The margin of a band is {margin_px} px.", "Give a margin of at least 0.")
    soft = (truth > 0) & (truth < 1)
    hard = ndimage.maximum_filter(truth, 3) - ndimage.minimum_filter(truth, 3) > HARD_EDGE
    return np.asarray(ndimage.maximum_filter(soft | hard, 2 * margin_px + 1))


def _check(alpha: Alpha, truth: Alpha, where: Mask | None) -> None:
    arrays = {"alpha": alpha, "truth": truth} | ({} if where is None else {"where": where})
    shape = truth.shape if isinstance(truth, np.ndarray) else ()
    fits = len(shape) == 2 and all(
        isinstance(array, np.ndarray)
        and array.shape == shape
        and np.issubdtype(array.dtype, np.bool_ if name == "where" else np.floating)
        for name, array in arrays.items()
    )
    if not fits:
        found = ", ".join(f"{name} is {_described(array)}" for name, array in arrays.items())
        raise InputError(
            f"Mattes cannot be compared: {found}.",
            "Give alpha and truth as (h, w) float arrays of one shape in 0..1, and where as an (h, w) bool array.",
        )
    if truth.size == 0:
        raise InputError(f"Mattes cannot be compared: they are of shape {shape}.", "Give arrays that have pixels.")
    for name in ("alpha", "truth"):
        if not np.isfinite(arrays[name]).all():
            raise InputError(
                f"Mattes cannot be compared: {name}, {_described(arrays[name])}, has numbers that are not finite.",
                "Give arrays without NaN and infinity.",
            )


def _described(array: object) -> str:
    return f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"


def _difference(alpha: Alpha, truth: Alpha, where: Mask | None) -> Alpha:
    _check(alpha, truth, where)
    return np.asarray(alpha - truth)


def _mean(values: Alpha, where: Mask | None) -> float:
    if where is not None and not where.any():
        raise InputError("Mattes cannot be compared: where has no pixel that counts.", "Give a where that has some.")
    return float(np.mean(values if where is None else values[where]))


def _thousands(values: Alpha, where: Mask | None) -> float:
    return float(np.sum(values if where is None else values[where], dtype=np.float64)) / 1000


def _slope(alpha: Alpha) -> Alpha:
    down = ndimage.gaussian_filter(alpha, GRADIENT_SIGMA_PX, order=(1, 0))
    right = ndimage.gaussian_filter(alpha, GRADIENT_SIGMA_PX, order=(0, 1))
    return np.asarray(np.hypot(down, right))


def _largest(mask: Mask) -> Mask:
    """Return the largest 4-connected part of `mask`; of equal ones the first in reading order."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _detached(alpha: Alpha, attached_up_to: Alpha) -> Alpha:
    above = alpha - attached_up_to
    return above * (above >= CONN_THETA)
