"""The guide constraint, which makes a wrong tile harmless. Pure.

Averaged over the square of `CONSTRAINT_RADIUS` guide pixels around any pixel, as far as it lies in the tile, alpha
equals the guide within `TOLERANCE`. Where the guide is saturated, alpha is the guide, exactly.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.guide import SATURATED
from tiler.core.sampling import interpolated, local_mean

Alpha = NDArray[np.float32]

# Lengths are in guide pixels, so that one choice serves every level.
# The guide places an edge within two or three of its pixels: four to either side hold both sides of it.
CONSTRAINT_RADIUS = 4
# An edge moves by two thirds of a guide pixel when it changes the mean over eight of them by this much: as far as a
# guide may well have misplaced it. What a guide gets wrong is mostly coarser than its pixels, so a stricter constraint
# costs more than it saves; without any, little more would be gained.
TOLERANCE = 0.08
# The change fades in from where the guide is `SATURATED` to this much further inside, so that no strand ends in a step.
FADE = 0.03
# The corrections aim inside the tolerance, so that the last and bluntest of them has next to nothing to do.
AIM = 0.9 * TOLERANCE
# Keeps the odds finite.
TINY = 1e-4


def constrain(alpha: Alpha, guide: Alpha, guide_scale: float) -> Alpha:
    """Return `alpha` changed as little as the guide constraint demands, whatever it was.

    alpha, guide: (h, w) float32 in 0..1. guide_scale: side of a guide pixel in pixels of the tile, 1 or more. Returns
    (h, w) float32 in 0..1.

    First the odds alpha : 1 - alpha are multiplied, window by window, by what brings their mean to the guide's: that
    shifts edges and keeps them sharp. Where this is not enough, the change against the guide is reduced. Should any
    window still be off, the whole change is scaled by what the worst one needs: the constraint is linear in the
    change, so it holds, and alpha stays between where it was and the guide, so it stays in 0..1.
    """
    weight = blend_weight(guide)
    alpha = guide + weight * (alpha - guide)
    radius, step = round(CONSTRAINT_RADIUS * guide_scale), round(guide_scale)
    wanted = local_mean(guide, radius)
    for _ in range(2):
        found = local_mean(alpha, radius)
        if np.abs(found - wanted).max() <= AIM:
            break
        shifted = _odds(np.clip(found, wanted - AIM, wanted + AIM)) / _odds(found) * alpha
        shifted /= shifted + (1 - alpha)
        alpha += weight * (shifted - alpha)
    change = alpha - guide
    for _ in range(2):
        off = np.abs(local_mean(change, radius))
        if off.max() <= TOLERANCE:
            return np.clip(guide + change, 0, 1)
        keep = ndimage.minimum_filter(AIM / np.maximum(off[::step, ::step], AIM), 2 * radius // step + 1)
        height, width = guide.shape
        change *= interpolated(local_mean(keep, radius // (2 * step)), (height, width), step)
    worst = float(np.abs(local_mean(change, radius)).max())
    change *= np.float32(TOLERANCE / max(worst, TOLERANCE))
    return np.clip(guide + change, 0, 1)


def blend_weight(guide: Alpha) -> Alpha:
    """Return how far alpha may differ from the guide, 0..1: 0 where the guide is saturated, fading in from there."""
    return np.asarray(np.clip((np.minimum(guide, 1 - guide) - SATURATED) / FADE, 0, 1), np.float32)


def _odds(mean: Alpha) -> Alpha:
    kept = np.clip(mean, TINY, 1 - TINY)
    return kept / (1 - kept)
