"""The consensus of several answers of one network to the same picture, and how far they part. Pure.

A network that is asked at several sizes, and for the mirror image, errs in different places. The median of a pixel over
all views is right where most of them are, and a view that fails altogether does not pull it. But most views are coarser
than the base, so the median is soft. Each of the fine views is believed where, averaged over a few pixels, it agrees
with the median: there it has no coarse error, and its detail is what the median lacks.

A subject may be too small for the coarse views, and they are the majority. What all fine views see, over a few pixels,
is therefore there, even where the median shows nothing.

What is nearer to 0 or 1 than a step of 8 bits becomes 0 or 1. No view is ever exactly there, so a plain background
would keep a haze, which no tile may touch and every file has to store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.core.sampling import local_mean

Alpha = NDArray[np.float32]

# A fine view whose local mean differs from the median's by this much has a weight of 1/e; the median has a weight of 1.
# Right answers of a network differ by about 0.01, wrong ones by 0.1 and more.
AGREEMENT = np.float32(0.03)
# How far the local mean reaches, as a share of the short side of the base: 5 of 512 pixels, wider than a strand and
# than the blur of the coarse views, narrower than an arm or a gap.
AGREEMENT_OF_SHORT_SIDE = 1 / 96
# Where all fine views show so much more than the median, averaged over `LOST_OF_SHORT_SIDE` to either side, the coarse
# views begin to be overruled, and where it is twice as much they are. Along an edge of a subject it is a tenth of that.
LOST = np.float32(0.25)
LOST_OF_SHORT_SIDE = 1 / 48
# A step of 8 bits: networks are trained on alphas of 8 bits, and nearer to 0 or 1 than that they say 0 or 1.
STEP = np.float32(1 / 255)
# Rows whose views are sorted at once: the memory for a median is a few times that of these rows.
MEDIAN_ROWS = 64


@dataclass(frozen=True, slots=True)
class Consensus:
    """What several views come to.

    alpha: (h, w) float32 in 0..1. spread: (h, w) float32 in 0..1, the mean distance of the views from it, before what
    is nearly 0 or 1 became so.
    """

    alpha: Alpha
    spread: Alpha

    def within(self, box: Box) -> "Consensus":
        """Return the part inside `box`, copied, so that the rest is not kept in memory."""
        return Consensus(self.alpha[box.slices].copy(), self.spread[box.slices].copy())


def consensus(answers: Sequence[Alpha], fine: Sequence[int], short_side_px: int) -> Consensus:
    """Return the consensus of the `answers` to several views of one picture, or of one tile of it.

    answers: (h, w) float32 in 0..1, all at the size of the base, mirrored ones turned back. fine: positions in
    `answers` of the views that are as fine as the base or finer. short_side_px: of the whole base.

    The order of the answers does not matter beyond the rounding of a sum. A pixel depends on the answers no further
    away than `AGREEMENT_OF_SHORT_SIDE` and `LOST_OF_SHORT_SIDE` of the short side together.
    """
    if len(answers) == 1:
        return Consensus(answers[0], np.zeros_like(answers[0]))
    middle = _with_lost(_median(answers), [answers[k] for k in fine], short_side_px)
    radius = max(1, round(AGREEMENT_OF_SHORT_SIDE * short_side_px))
    alpha, total = middle.copy(), np.ones_like(middle)
    for k in fine:
        weight = np.exp(-np.square(local_mean(answers[k] - middle, radius) / AGREEMENT))
        alpha += weight * answers[k]
        total += weight
    alpha /= total
    spread = np.zeros_like(alpha)
    for one in answers:
        spread += np.abs(one - alpha)
    return Consensus(settled(alpha), spread / np.float32(len(answers)))


def _with_lost(middle: Alpha, fine: Sequence[Alpha], short_side_px: int) -> Alpha:
    """Return the median with the subjects that all of the `fine` views see and that it has lost."""
    if not fine:
        return middle
    more = np.maximum(np.minimum.reduce(fine) - middle, 0)
    lost = local_mean(more, max(1, round(LOST_OF_SHORT_SIDE * short_side_px))) / LOST - 1
    return np.asarray(middle + np.clip(lost, 0, 1) * more, np.float32)


def settled(alpha: Alpha) -> Alpha:
    """Return `alpha`, float32, with what lies within a `STEP` of 0 or 1 at 0 or 1, and the rest stretched between."""
    return np.asarray(np.clip((alpha - STEP) / (1 - 2 * STEP), 0, 1), np.float32)


def _median(answers: Sequence[Alpha]) -> Alpha:
    out = np.empty_like(answers[0])
    for top in range(0, len(out), MEDIAN_ROWS):
        rows = slice(top, top + MEDIAN_ROWS)
        out[rows] = np.median([one[rows] for one in answers], axis=0)
    return out
