"""Alpha from the colours around a pixel: what tells foreground from background there, if anything does. Pure.

Around every pixel the colours of foreground and of background are described by their means and one covariance. Fisher's
discriminant is the direction in which the two differ most in terms of their own spread, so shading, which both have in
common, counts for little. R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
7(2), 1936.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiler.core.sampling import Plane, Samples, interpolated, local_mean, sampled, solved

Alpha = NDArray[np.float32]

# In guide pixels: strands change colour along their way, so foreground and background are what lies this near.
CLASS_RADIUS = 4
# Foreground and background change slowly, so they are described at every second guide pixel.
EVERY = 2
# Colours that differ by less than 1/50 of the range are one colour: grain, and the rounding of a JPEG.
CLASS_NOISE = np.float32(0.02)
# How far apart the two must be: the square of their distance in standard deviations at which a colour counts half. A
# pixel is then told from its colour to a fifth of alpha, somewhat better than a grey guide tells it.
HALF_TRUSTED = np.float32(20)
# A class of which less than a fiftieth of the window is made is not known well enough.
LEAST_SHARE = np.float32(0.02)
# Detail finer than a pixel's neighbours is what a guide cannot know. Where the two-colour alpha has less than the first
# share of its variance there, shading is as likely as hair; where it has the second, strands are resolved.
FINE_SHARES = np.float32(0.3), np.float32(0.5)
# Where they are not, the two-colour alpha must explain the guide: it counts for 1 less so many times the share of the
# guide's variance that it leaves unexplained. A quarter left is too much.
UNEXPLAINED = np.float32(4)
# Where the guide varies by less than three hundredths, there is nothing to explain.
LEAST_VARIANCE = 1e-3
# Keeps a division from 0, and far below all that is measured.
TINY = np.float32(1e-4)


def towards_colours(alpha: Alpha, guide: Alpha, planes: Sequence[Plane], guide_scale: float) -> Alpha:
    """Return `alpha` moved to what the colour of each pixel says, as far as colours can be trusted there.

    alpha, guide: (h, w) float32 in 0..1. planes: red, green and blue, (h, w) float32 in 0..255 each. guide_scale: side
    of a guide pixel in pixels of the planes, 1 or more. Returns (h, w) float32 in 0..1.

    The colour's own alpha is 1 at the mean of the foreground and 0 at that of the background. The variance of its error
    is 1 / separation, where the separation is the squared distance of the two means in standard deviations.
    """
    step = round(guide_scale)
    radius = round(CLASS_RADIUS * guide_scale / step)
    # One pixel in the middle of each guide pixel: a mean of several would hide how far the colours spread.
    middle = (step - 1) // 2
    picked = np.s_[middle::step, middle::step]
    height, width = guide.shape
    if min(height, width) <= middle:
        return alpha
    centred = [plane[picked] / np.float32(255) - np.float32(0.5) for plane in planes]
    functions = local_mean(_discriminant(alpha[picked], centred, radius), radius // EVERY)
    trusted, own, *slopes = interpolated(functions, (height, width), step * EVERY, middle)
    for slope, plane in zip(slopes, planes, strict=True):
        own += slope * (plane / np.float32(255) - np.float32(0.5))
    own = np.clip(own / np.maximum(trusted, TINY), 0, 1)
    counts = np.maximum(_resolved(own, picked, radius), _explains(own, guide, picked, step, radius))
    trusted *= interpolated(counts, (height, width), step, middle)
    return np.asarray(alpha + trusted * (own - alpha), np.float32)


def _discriminant(alpha: Samples, planes: Sequence[Samples], radius: int) -> Samples:
    """Return trust, and trust times offset and slopes of the linear function of colour: (2 + planes, h, w).

    h, w: of every `EVERY`-th sample.
    """
    products = [planes[i] * planes[j] for i in range(len(planes)) for j in range(i + 1)]
    moments = np.stack([np.ones_like(alpha), *planes, *products])
    (fore_share, fore, fore_spread), (back_share, back, back_spread) = (
        _class(local_mean(weight * moments, radius, EVERY), len(planes)) for weight in (alpha**2, (1 - alpha) ** 2)
    )
    covariance = [
        [np.asarray((f + b) / 2, np.float32) for f, b in zip(fs, bs, strict=True)]
        for fs, bs in zip(fore_spread, back_spread, strict=True)
    ]
    for k, row in enumerate(covariance):
        row[k] += CLASS_NOISE**2
    apart = [f - b for f, b in zip(fore, back, strict=True)]
    direction = solved(covariance, [a.copy() for a in apart])
    separation = np.maximum(sum((d * a for d, a in zip(direction, apart, strict=True)), np.float32(0)), TINY)
    seen = np.clip(np.minimum(fore_share, back_share) / LEAST_SHARE, 0, 1)
    trust = seen * separation / (separation + HALF_TRUSTED)
    slopes = [trust / separation * d for d in direction]
    offset = trust / 2
    for slope, f, b in zip(slopes, fore, back, strict=True):
        offset -= slope * (f + b) / 2
    return np.stack([trust, offset, *slopes]).astype(np.float32)


def _class(moments: Samples, count: int) -> tuple[Samples, list[Samples], list[list[Samples]]]:
    """Return the share, the means and the covariance, its lower triangle, of one class, from its weighted moments."""
    share, *sums = moments
    total = np.maximum(share, TINY)
    means = [one / total for one in sums[:count]]
    products = iter(sums[count:])
    return share, means, [[next(products) / total - means[i] * means[j] for j in range(i + 1)] for i in range(count)]


def _resolved(own: Alpha, picked: tuple[slice, slice], radius: int) -> Samples:
    """Return how far strands are resolved, 0..1: by the share of variance of `own` that is finer than 3 x 3 pixels."""
    fine = local_mean((own - local_mean(own, 1))[picked] ** 2, radius)
    low, high = FINE_SHARES
    share = fine / _variance(own[picked], radius, float(TINY))
    return np.asarray(np.clip((share - low) / (high - low), 0, 1), np.float32)


def _explains(own: Alpha, guide: Alpha, picked: tuple[slice, slice], step: int, radius: int) -> Samples:
    """Return how far `own` explains the guide, 0..1: by the share of the guide's variance that it leaves."""
    target = guide[picked]
    left = sampled(own - guide, step, step)[: target.shape[0], : target.shape[1]]
    unexplained = local_mean(left * left, radius) / _variance(target, radius, LEAST_VARIANCE)
    return np.asarray(np.clip(1 - UNEXPLAINED * unexplained, 0, 1), np.float32)


def _variance(values: Samples, radius: int, least: float) -> Samples:
    mean, square = local_mean(np.stack([values, values * values]), radius)
    return np.asarray(np.maximum(square - mean * mean, least), np.float32)
