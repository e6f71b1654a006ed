"""The guide explained by what the picture shows: a guided filter, by ridge regression on samples. Pure.

K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, on samples as in K. He, J. Sun, "Fast guided
filter", arXiv:1505.00996, 2015.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiler.core.sampling import Plane, Samples, interpolated, local_mean, sampled, solved

Alpha = NDArray[np.float32]

# In guide pixels: far enough to see saturated foreground and background on the two sides of loose hair.
REGRESSION_RADIUS = 16
# How much a grey pixel of the guide counts in the regression, when one that is saturated counts as 1. A guide is
# grey where it has blurred two things into one, and would teach the regression to do the same.
GREY_SHARE = 0.1
# Keeps a division from 0, and far below all that is measured.
TINY = 1e-4


def explain(guide: Alpha, planes: Sequence[Plane], noises: Sequence[float], guide_scale: float) -> Alpha:
    """Return the guided filter of `guide` by `planes`, (h, w) float32 each; a little beyond 0..1 in places.

    noises: how good each plane is, in its own unit: smaller variations count for nothing. guide_scale: side of a guide
    pixel in pixels of the planes, 1 or more.

    At every sample the guide around it is a linear function of the planes, by ridge regression that weights
    saturated pixels more than grey ones. The answer for a pixel is the mean of all functions whose windows hold it.
    A function counts for the share of the guide's variance that it explains, and the guide itself for the rest: where
    nothing in the picture varies with the guide, it is not blurred for nothing.
    """
    # Slopes vary slowly: one sample in two guide pixels gives the same answer as all of them. A sample is the mean of a
    # guide pixel, which makes the planes as coarse as the guide. Otherwise each strand that the guide has blurred would
    # be an error in the planes, and errors there flatten slopes: hair would come out grey.
    side, step = round(guide_scale), round(2 * guide_scale)
    middle = (step - side) // 2 + (side - 1) / 2
    radius = round(REGRESSION_RADIUS * guide_scale / step)
    target, *coarse = (sampled(plane, side, step) for plane in (guide, *planes))
    centres = [plane.mean() for plane in coarse]
    known = [(plane - centre) / np.float32(noise) for plane, centre, noise in zip(coarse, centres, noises, strict=True)]
    weight = GREY_SHARE + (1 - GREY_SHARE) * (2 * target - 1) ** 2
    count = len(known)
    products = [known[i] * known[j] for i in range(count) for j in range(i + 1)]
    moments = np.stack([np.ones_like(target), target, target * target, *known, *(k * target for k in known), *products])
    total, *means = local_mean(weight * moments, radius)
    target_mean, square_mean, *others = (mean / total for mean in means)
    known_means, with_target, product_means = others[:count], others[count : 2 * count], iter(others[2 * count :])
    covariance = [
        [next(product_means) - known_means[i] * known_means[j] + (i == j) for j in range(i + 1)] for i in range(count)
    ]
    common = [w - m * target_mean for w, m in zip(with_target, known_means, strict=True)]
    slopes = solved(covariance, [c.copy() for c in common])
    variance = square_mean - target_mean * target_mean
    explained = sum(slope * c for slope, c in zip(slopes, common, strict=True))
    trust = np.asarray(np.clip(explained / np.maximum(variance, TINY), 0, 1), np.float32)
    slopes = [trust * slope for slope in slopes]
    offset = trust * target_mean - sum(slope * mean for slope, mean in zip(slopes, known_means, strict=True))

    def around(values: Samples) -> Plane:
        height, width = guide.shape
        return interpolated(values, (height, width), step, first=middle)

    offset, trust, *slopes = local_mean(np.stack([offset, trust, *slopes]), radius)
    out = around(offset) + guide * around(1 - trust)
    for slope, plane, centre, noise in zip(slopes, planes, centres, noises, strict=True):
        out += around(slope / np.float32(noise)) * (plane - centre)
    return out
