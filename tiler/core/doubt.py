"""Where a person should look: the places of the picture in which the views of the base part most. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.geometry import Box, Span

# What the network gets wrong lies for the most part in so small a share of the picture, where its views part most.
SHARE = 0.05
# Views that part by less than this are of one mind; a picture without doubt has no place to look at.
LEAST_SPREAD = 0.05
# How many places a person is shown.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of the full picture, in its pixels, and the mean spread of the views there, in 0..1."""

    left: int
    top: int
    width: int
    height: int
    spread: float


def doubtful(spread: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the pixels of the base in which the views part most: (h, w) bool, at most `SHARE` of them."""
    limit = max(float(np.quantile(spread, 1 - SHARE, method="higher")), LEAST_SPREAD)
    return np.asarray(spread > limit)


def places(spread: NDArray[np.float32], shape: tuple[int, int]) -> tuple[Place, ...]:
    """Return the places to look at, the most doubtful first, at most `SHOWN`.

    spread: (h, w) float32 in 0..1, of the whole base. shape: (height, width) of the full picture, in whose pixels the
    places are. A place is a connected piece of the doubtful pixels; pieces rank by the sum of their spread.
    """
    labels, count = ndimage.label(doubtful(spread), structure=np.ones((3, 3)))
    index = np.arange(1, count + 1)
    sums = np.atleast_1d(ndimage.sum_labels(spread, labels, index))
    means = np.atleast_1d(ndimage.mean(spread, labels, index)) if count else sums
    slices = ndimage.find_objects(labels)
    order = np.argsort(-sums, kind="stable")[:SHOWN]
    down, across = shape[0] / spread.shape[0], shape[1] / spread.shape[1]
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
