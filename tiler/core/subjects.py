"""Subjects that are small in their frame: where they are, and which part of the picture shows one closely. Pure.

A box is in pixels of whatever alpha it was found in, until `scaled` takes it to another size.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.geometry import Box, Span

Alpha = NDArray[np.float32]

# A part of the small picture that is longer than this share of its short side is seen well enough as it is.
LARGEST = 1 / 3
# A part shorter than this share of the short side, or smaller than this share of the largest part, is a speck.
SMALLEST, SPECK = 1 / 64, 1 / 20
# The side of a crop is so many times the longer side of its subject: a network finds people that fill 0.2 to 0.6 of it.
CROP = 2.5
# In the outer eighth of a crop its answer fades out.
FADE = 1 / 8
# In a search window, networks find people that are a tenth of it and more (MODNet: 60 of 512 px; at 40 px every other).
FOUND = 1 / 10
# What the search finds is a subject if both views show the same, solid part before a plain background.
SAME, SOLID, PLAIN, COMPACT = 0.8, 0.9, 0.05, 0.25
# The answers to windows, base and crop are of the same subject if they share half of what they cover.
CONFIRMED = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One connected part of an alpha above 0.5. where: of the box, (h, w) bool, which pixels belong to it."""

    box: Box
    where: NDArray[np.bool_]

    @property
    def longest_px(self) -> int:
        return max(self.box.shape)

    @property
    def area_px(self) -> int:
        return int(self.where.sum())


def parts(alpha: Alpha) -> list[Part]:
    """Return the parts of an alpha above 0.5 that hang together, corners included, from top to bottom."""
    labels, _ = ndimage.label(alpha > 0.5, np.ones((3, 3)))
    return [
        Part(Box(Span(rows.start, rows.stop), Span(cols.start, cols.stop)), labels[rows, cols] == number)
        for number, (rows, cols) in enumerate(ndimage.find_objects(labels), 1)
    ]


def small_subjects(alpha: Alpha) -> list[Box]:
    """Return the boxes of the parts of the small picture's alpha that are small beside the frame, and no specks."""
    short_px, found = min(alpha.shape), parts(alpha)
    largest_px = max((part.area_px for part in found), default=0)
    return [
        part.box
        for part in found
        if SMALLEST * short_px <= part.longest_px <= LARGEST * short_px and part.area_px >= SPECK * largest_px
    ]


def lone_subjects(first: Alpha, second: Alpha | None = None) -> list[Box]:
    """Return the boxes of the parts of a window's alpha that stand alone in it and are shown by a second view, too.

    first, second: (h, w) float32 in 0..1; without a second view, what it would have to confirm. A part stands alone if
    it is solid, keeps away from the window's border, and the background around it is plain. So what a network imagines
    in foliage or stones, which is torn and half transparent, does not count.
    """
    return [part.box for part in parts(first) if _stands_alone(part, first) and _is_same(part, second)]


def _stands_alone(part: Part, alpha: Alpha) -> bool:
    height, width = alpha.shape
    soft_px = max(2, part.longest_px // 16)  # its own hair
    margin_px = max(part.longest_px // 4, soft_px + 1)
    rows, cols = part.box.rows.grow(margin_px), part.box.cols.grow(margin_px)
    if part.longest_px < FOUND * min(height, width) or part.area_px < COMPACT * part.where.size:
        return False
    if rows.start < 0 or cols.start < 0 or rows.stop > height or cols.stop > width:
        return False
    around = alpha[rows.slice, cols.slice].copy()
    solid = float(around[part.box.within(Box(rows, cols)).slices][part.where].mean())
    own = ndimage.binary_dilation(np.pad(part.where, margin_px), np.ones((3, 3)), iterations=soft_px)
    return solid >= SOLID and float(around[~own].mean()) <= PLAIN


def _is_same(part: Part, second: Alpha | None) -> bool:
    if second is None:
        return True
    other = second[part.box.slices] > 0.5
    return overlap(part.where, other) >= SAME


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return what two masks share of what they cover together, in 0..1; 0 where both are empty."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def scaled(box: Box, before: tuple[int, int], after: tuple[int, int]) -> Box:
    """Return a box of a picture of shape `before` in pixels of the same picture of shape `after`, to the nearest."""
    down, across = after[0] / before[0], after[1] / before[1]
    rows = Span(round(box.rows.start * down), max(round(box.rows.start * down) + 1, round(box.rows.stop * down)))
    cols = Span(round(box.cols.start * across), max(round(box.cols.start * across) + 1, round(box.cols.stop * across)))
    return Box(rows, cols)


def crop_around(box: Box, shape: tuple[int, int], *, wraps: bool) -> Box:
    """Return the square around a subject that shows it closely, moved to lie in a picture of `shape`.

    Where the columns wrap it may reach beyond the join, unrolled.
    """
    side_px = min(round(CROP * max(box.shape)), *shape)
    top = min(max((box.rows.start + box.rows.stop - side_px) // 2, 0), shape[0] - side_px)
    left = (box.cols.start + box.cols.stop - side_px) // 2
    left = left if wraps else min(max(left, 0), shape[1] - side_px)
    return Box(Span(top, top + side_px), Span(left, left + side_px))


def fade(shape: tuple[int, int], box: Box) -> Alpha:
    """Return how far the answer to a crop of `shape` counts in a `box` of it: 1 inside, 0 at the crop's border."""
    down, across = _rise(shape[0], box.rows), _rise(shape[1], box.cols)
    return np.asarray(down[:, None] * across, np.float32)


def _rise(size: int, span: Span) -> NDArray[np.float64]:
    x = (np.arange(span.start, span.stop) + 0.5) / size
    t = np.clip(np.minimum(x, 1 - x) / FADE, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def each_once(boxes: Iterable[Box], width_px: int | None = None) -> list[int]:
    """Return the positions of boxes of which none holds half of another; of two that do, the larger stays.

    width_px: of a picture whose columns wrap, where boxes are unrolled; None where they do not.
    """
    given = list(boxes)
    kept: list[int] = []
    for k in sorted(range(len(given)), key=lambda k: (-given[k].rows.size * given[k].cols.size, given[k], k)):
        if all(_share(given[k], given[other], width_px) < 0.5 for other in kept):
            kept.append(k)
    return sorted(kept)


def agreed(boxes: Iterable[Box], width_px: int | None = None) -> list[Box]:
    """Return one box for each thing that several `boxes` are around: every edge is the median of theirs.

    Boxes are around the same thing if they share half of what they cover. So a shadow that one window of many takes
    for a part of the subject does not count. width_px: as in `each_once`.
    """
    given = list(boxes)
    turns = (0,) if width_px is None else (-width_px, 0, width_px)
    found = []
    for k in each_once(given, width_px):
        largest = given[k]
        turned = (Box(box.rows, box.cols.shift(turn)) for box in given for turn in turns)
        alike = [box for box in turned if in_common(box, largest) >= CONFIRMED]
        edges = np.median([(b.rows.start, b.rows.stop, b.cols.start, b.cols.stop) for b in alike], axis=0)
        top, bottom, left, right = np.rint(edges).astype(int).tolist()
        found.append(Box(Span(top, bottom), Span(left, right)))
    return found


def in_common(one: Box, other: Box) -> float:
    """Return what two boxes share of what they cover together, in 0..1."""
    both = one.rows.clip(other.rows).size * one.cols.clip(other.cols).size
    return both / (one.rows.size * one.cols.size + other.rows.size * other.cols.size - both)


def _share(small: Box, large: Box, width_px: int | None) -> float:
    """Return how much of the smaller box lies in the larger one, in 0..1."""
    turns = (0,) if width_px is None else (-width_px, 0, width_px)
    rows = small.rows.clip(large.rows).size
    cols = max(small.cols.shift(turn).clip(large.cols).size for turn in turns)
    return rows * cols / (small.rows.size * small.cols.size)
