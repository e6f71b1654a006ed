"""Where a person should look: the places of the picture that are most doubtful. Pure.

A pixel is doubtful where the views of the base part, and where all of them find the same grey: there they agree, and
yet know least.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.geometry import Box, Span

# What a matte gets wrong lies for the most part in so small a share of the picture.
SHARE = 0.05
# Less doubt than this is none: a picture without doubt has no place to look at.
LEAST_DOUBT = 0.05
# How many places a person is shown, and how large one is at most, as a share of the shorter side of the picture: what
# fits on a screen when it is looked at in full size.
SHOWN = 10
LARGEST = 1 / 6


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of the full picture, in its pixels, and the mean doubt there, 0..1 and a little more."""

    left: int
    top: int
    width: int
    height: int
    doubt: float


def doubt(alpha: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how doubtful each pixel of the base is, (h, w) float32: the spread of its views and its greyness."""
    return np.asarray(spread + 2 * alpha * (1 - alpha), np.float32)


def doubtful(doubts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the most doubtful pixels of the base: (h, w) bool, at most `SHARE` of them."""
    limit = max(float(np.quantile(doubts, 1 - SHARE, method="higher")), LEAST_DOUBT)
    return np.asarray(doubts > limit)


def places(doubts: NDArray[np.float32], shape: tuple[int, int]) -> tuple[Place, ...]:
    """Return the places to look at, the most doubtful first, at most `SHOWN`.

    doubts: (h, w) float32, of the whole base. shape: (height, width) of the full picture, in whose pixels the
    places are. A place is a connected piece of the doubtful pixels, cut where it is larger than `LARGEST`; pieces rank
    by the sum of their doubt.
    """
    labels, count = _cut(ndimage.label(doubtful(doubts), structure=np.ones((3, 3)))[0])
    index = np.arange(1, count + 1)
    sums = np.atleast_1d(ndimage.sum_labels(doubts, labels, index))
    means = np.atleast_1d(ndimage.mean(doubts, labels, index)) if count else sums
    slices = ndimage.find_objects(labels)
    order = np.argsort(-sums, kind="stable")[:SHOWN]
    down, across = shape[0] / doubts.shape[0], shape[1] / doubts.shape[1]
    found = []
    for k in order:
        rows, cols = (Span(one.start, one.stop) for one in slices[k])
        box = Box(
            Span(int(rows.start * down), round(rows.stop * down)),
            Span(int(cols.start * across), round(cols.stop * across)),
        )
        height, width = box.shape
        found.append(Place(box.cols.start, box.rows.start, width, height, float(means[k])))
    return tuple(found)


def _cut(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Return (h, w) labels, 0 = none, with large pieces cut into squares from their corner, and how many there are."""
    side_px = max(1, round(LARGEST * min(labels.shape)))
    cut, count = np.zeros(labels.shape, np.int64), 0
    for label, (rows, cols) in enumerate(ndimage.find_objects(labels), 1):
        for top in range(rows.start, rows.stop, side_px):
            for left in range(cols.start, cols.stop, side_px):
                square = slice(top, min(top + side_px, rows.stop)), slice(left, min(left + side_px, cols.stop))
                here = labels[square] == label
                if here.any():
                    count += 1
                    cut[square][here] = count
    return cut, count
