"""The alpha of one tile, made of the guide, the colours of the tile, and the network's answer for it. Pure.

The guide knows *what* is there, not exactly where it ends. Colours and the tile's own alpha show where edges run, not
what they mean. So the guide is explained, window by window, as a linear function of colours and tile alpha (a
guided filter): its soft edges move to where the picture has sharp ones, and the tile is believed as far as it agrees.
Then the guide constraint is enforced, which makes a wrong tile harmless:

    Averaged over the square of `CONSTRAINT_RADIUS` guide pixels around any pixel, as far as it lies in the tile, the
    fused alpha equals the guide within `TOLERANCE`; where the guide is saturated it is the guide, exactly.

It holds by construction, whatever the network answered: see `_constrain`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.guide import SATURATED

Alpha = NDArray[np.float32]
# Values at every n-th pixel of a tile, for what varies slowly.
Samples = NDArray[np.float32]

# Lengths are in guide pixels, so that one choice serves every level.
# The guide places an edge within two or three of its pixels: four to either side hold both sides of it.
CONSTRAINT_RADIUS = 4
# An edge moves by two thirds of a guide pixel when it changes the mean over eight of them by this much: as far as a
# guide may well have misplaced it. What a guide gets wrong is mostly coarser than its pixels, so a stricter constraint
# costs more than it saves; without any, little more would be gained.
TOLERANCE = 0.08
# Far enough to see saturated foreground and background on the two sides of loose hair.
REGRESSION_RADIUS = 16
# Variations smaller than these are noise to the regression. Means of colours are good to a step or so of 255; the
# tile's alpha is the answer of a network without context, and its finer shades mean nothing.
COLOUR_NOISE = 0.005
TILE_NOISE = 0.1
# How much a grey pixel of the guide counts in the regression, when one that is saturated counts as 1. A guide is
# grey where it has blurred two things into one, and would teach the regression to do the same.
GREY_SHARE = 0.1
# A least-squares answer to a blurred guide is a little too grey; this much more contrast corrects it.
CONTRAST = 0.2
# The change fades in from where the guide is `SATURATED` to this much further inside, so that no strand ends in a step.
FADE = 0.03
# The corrections aim inside the tolerance, so that the last and bluntest of them has next to nothing to do.
AIM = 0.9 * TOLERANCE
# Keeps a division from 0, and far below all that is measured.
TINY = 1e-4


def fuse(tile_alpha: Alpha | None, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float) -> Alpha:
    """Return the alpha of a tile: as sharp as its pixels allow and, on average, the guide.

    tile_alpha, guide: (h, w) float32 in 0..1; if tile_alpha is None, the colours alone sharpen the guide. rgb:
    (h, w, 3) float32 in 0..255. guide_scale: side of a guide pixel in pixels of the tile, 1 or more. Returns (h, w)
    float32 in 0..1; any size from 1x1 up.

    K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, on samples as in K. He, J. Sun, "Fast
    guided filter", arXiv:1505.00996, 2015.
    """
    box = around_uncertain(guide, round(REGRESSION_RADIUS * guide_scale))
    if box is None:
        return guide
    fused = guide.copy()
    fused[box] = _fuse(None if tile_alpha is None else tile_alpha[box], guide[box], rgb[box], guide_scale)
    return fused


def constrain(alpha: Alpha, guide: Alpha, guide_scale: float) -> Alpha:
    """Return `alpha` changed as little as the guide constraint demands, whatever it was.

    alpha, guide: (h, w) float32 in 0..1. guide_scale: as in `fuse`. Returns (h, w) float32 in 0..1.
    """
    weight = blend_weight(guide)
    return _constrain(guide + weight * (alpha - guide), guide, weight, guide_scale)


def blend_weight(guide: Alpha) -> Alpha:
    """Return how far alpha may differ from the guide, 0..1: 0 where the guide is saturated, fading in from there."""
    return np.asarray(np.clip((np.minimum(guide, 1 - guide) - SATURATED) / FADE, 0, 1), np.float32)


def around_uncertain(guide: Alpha, margin_px: int) -> tuple[slice, slice] | None:
    """Return the box of all uncertain guide pixels, `margin_px` larger on every side; None if there are none."""
    unsure = (guide > SATURATED) & (guide < 1 - SATURATED)
    rows, cols = np.flatnonzero(unsure.any(axis=1)), np.flatnonzero(unsure.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(0, int(rows[0]) - margin_px), int(rows[-1]) + 1 + margin_px),
        slice(max(0, int(cols[0]) - margin_px), int(cols[-1]) + 1 + margin_px),
    )


def local_mean(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Return the mean of the (2 radius + 1)^2 values around each, of those that there are; (h, w) float32."""
    size = 2 * radius + 1
    mean: NDArray[np.float32] = ndimage.uniform_filter(values, size, mode="constant")
    for n, axis in zip(values.shape, ((-1, 1), (1, -1)), strict=True):
        mean /= ndimage.uniform_filter1d(np.ones(n, np.float32), size, mode="constant").reshape(axis)
    return mean


def _fuse(tile_alpha: Alpha | None, guide: Alpha, rgb: NDArray[np.float32], guide_scale: float) -> Alpha:
    planes, noises = [rgb[..., 0], rgb[..., 1], rgb[..., 2]], [255 * COLOUR_NOISE] * 3
    if tile_alpha is not None:
        planes.append(tile_alpha)
        noises.append(TILE_NOISE)
    alpha = _explain(guide, planes, noises, guide_scale)
    np.clip(alpha, 0, 1, out=alpha)
    alpha += CONTRAST * alpha * (1 - alpha) * (2 * alpha - 1)
    return constrain(alpha, guide, guide_scale)


def _explain(guide: Alpha, planes: Sequence[Alpha], noises: Sequence[float], guide_scale: float) -> Alpha:
    """Return the guided filter of `guide` by `planes`, each of which is good to its own of the `noises`.

    At every sample the guide around it is a linear function of the planes, by ridge regression that weights
    saturated pixels more than grey ones. The answer for a pixel is the mean of all functions whose windows hold it.
    A function counts for the share of the guide's variance that it explains, and the guide itself for the rest: where
    nothing in the picture varies with the guide, it is not blurred for nothing.
    """
    # Slopes vary slowly: one sample in two guide pixels gives the same answer as all of them. A sample is the mean of a
    # guide pixel, which makes the planes as coarse as the guide. Else each strand that the guide has blurred would be
    # an error in the planes, and errors there flatten slopes: hair would come out grey.
    side, step = round(guide_scale), round(2 * guide_scale)
    middle = (step - side) // 2 + (side - 1) / 2
    radius = round(REGRESSION_RADIUS * guide_scale / step)
    target, *coarse = (_samples(plane, side, step) for plane in (guide, *planes))
    centres = [plane.mean() for plane in coarse]
    known = [(plane - centre) / np.float32(noise) for plane, centre, noise in zip(coarse, centres, noises, strict=True)]
    weight = GREY_SHARE + (1 - GREY_SHARE) * (2 * target - 1) ** 2
    total = local_mean(weight, radius)

    def mean(values: Samples) -> Samples:
        return local_mean(weight * values, radius) / total

    target_mean, means = mean(target), [mean(k) for k in known]
    covariance = [
        [mean(known[i] * known[j]) - means[i] * means[j] + (i == j) for j in range(i + 1)] for i in range(len(known))
    ]
    with_target = [mean(k * target) - m * target_mean for k, m in zip(known, means, strict=True)]
    slopes = _solve(covariance, [w.copy() for w in with_target])
    variance = mean(target * target) - target_mean * target_mean
    explained = sum(slope * common for slope, common in zip(slopes, with_target, strict=True))
    trust = np.asarray(np.clip(explained / np.maximum(variance, TINY), 0, 1), np.float32)
    slopes = [trust * slope for slope in slopes]
    offset = trust * target_mean - sum(slope * mean for slope, mean in zip(slopes, means, strict=True))

    def around(values: Samples) -> Alpha:
        return _spread(local_mean(values, radius), guide.shape, step, first=middle)

    out = around(offset) + guide * around(1 - trust)
    for slope, plane, centre, noise in zip(slopes, planes, centres, noises, strict=True):
        out += around(slope / np.float32(noise)) * (plane - centre)
    return out


def _samples(values: Alpha, side: int, step: int) -> Samples:
    """Return the means of squares of `side` pixels, each in the middle of one of `step`.

    Where a square reaches beyond the last pixels, these are repeated.
    """
    rows, cols = (-size % step for size in values.shape)
    whole = np.pad(values, ((0, rows), (0, cols)), mode="edge") if rows or cols else values
    places = range((step - side) // 2, (step - side) // 2 + side)
    tall = np.sum([whole[k::step] for k in places], axis=0)
    return np.asarray(np.sum([tall[:, k::step] for k in places], axis=0) / side**2, np.float32)


def _solve(matrix: list[list[Samples]], right: list[Samples]) -> list[Samples]:
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


def _constrain(alpha: Alpha, guide: Alpha, weight: Alpha, guide_scale: float) -> Alpha:
    """Return `alpha` changed so that the constraint holds; where `weight` is 0 it is `guide`, and stays so.

    First the odds alpha : 1 - alpha are multiplied, window by window, by what brings their mean to the guide's: that
    shifts edges and keeps them sharp. Where this is not enough, the change against the guide is reduced. Should any
    window still be off, the whole change is scaled by what the worst one needs: the constraint is linear in the
    change, so it holds, and alpha stays between where it was and the guide, so it stays in 0..1.
    """
    radius = round(CONSTRAINT_RADIUS * guide_scale)
    wanted = local_mean(guide, radius)
    for _ in range(2):
        found = local_mean(alpha, radius)
        if np.abs(found - wanted).max() <= AIM:
            break
        shifted = _odds(np.clip(found, wanted - AIM, wanted + AIM)) / _odds(found) * alpha
        shifted /= shifted + (1 - alpha)
        alpha += weight * (shifted - alpha)
    change = alpha - guide
    step = round(guide_scale)
    for _ in range(2):
        off = np.abs(local_mean(change, radius))
        if off.max() <= TOLERANCE:
            return np.clip(guide + change, 0, 1)
        keep = ndimage.minimum_filter(AIM / np.maximum(off[::step, ::step], AIM), 2 * radius // step + 1)
        change *= _spread(local_mean(keep, radius // (2 * step)), guide.shape, step)
    worst = float(np.abs(local_mean(change, radius)).max())
    change *= np.float32(TOLERANCE / max(worst, TOLERANCE))
    return np.clip(guide + change, 0, 1)


def _odds(mean: Samples) -> Samples:
    kept = np.clip(mean, TINY, 1 - TINY)
    return kept / (1 - kept)


def _spread(samples: Samples, shape: tuple[int, ...], step: int, first: float = 0.0) -> Alpha:
    """Return (h, w) values for all pixels of `shape`: linear between samples, the first of which lies at `first`.

    Constant before the first and beyond the last.
    """
    wide = _stretch(samples.T, shape[1], step, first).T
    return _stretch(np.ascontiguousarray(wide), shape[0], step, first)


def _stretch(samples: Samples, size: int, step: int, first: float) -> NDArray[np.float32]:
    """Return `size` rows, linear between those of `samples`, which are `step` apart."""
    at = np.minimum(np.maximum((np.arange(size) - first) / step, 0), len(samples) - 1)
    before = at.astype(np.intp)
    weight = (at - before).astype(np.float32)[:, None]
    out = samples[np.minimum(before + 1, len(samples) - 1)]
    out -= samples[before]
    out *= weight
    out += samples[before]
    return out
