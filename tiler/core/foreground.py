"""Foreground colours: the picture without the light of the old background in its hair. Pure.

A pixel of a picture is alpha F + (1 - alpha) B, where F is the colour of the foreground and B that of the background.
Both are sought together, from coarse to fine: at each level every pixel takes the weighted means of its neighbours'
colours, and then moves F and B to where they explain the pixel. The levels are those of T. Germer, T. Uelwer, S. Conrad
and S. Harmeling, "Fast Multi-Level Foreground Estimation", ICPR 2020; that means of a window take the place of the
nearest neighbours is due to M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.

A level of cells is solved whole. Below it, every step reaches a fixed number of pixels and each sum has a fixed order,
so a window with enough around it holds to the bit what the whole picture would.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box, Span

Plane = NDArray[np.float32]
# F and B, or what belongs to either: (2, h, w).
Pair = NDArray[np.float32]

# Neighbours are the pixels so far to either side.
RADIUS = 2
STEPS = 3
# The smallest levels are settled longer, because nothing coarser has gone before.
SMALL_PX, SMALL_STEPS = 32, 8
TOP_PX = 8
# A neighbour counts with the square of its alpha, and a little even if it has none.
LEAST_WEIGHT = np.float32(0.01)
# The smaller, the more a pixel believes its own colour rather than its neighbours'.
STIFFNESS = np.float32(0.03)
# The side of a cell of the level that is solved whole, unless the cells would be too many to be held in memory.
CELL_PX = 8
MOST_CELLS = 2**21
# Keeps F and B apart from each other's noise where one of them is nowhere seen.
RIDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Cells:
    """F and B of the level that is solved whole.

    shape: (height, width) of the picture in pixels. side_px: of a cell, a power of 2. pairs: (samples, 2, h, w).
    """

    shape: tuple[int, int]
    side_px: int
    pairs: NDArray[np.float32]


def cell_px(shape: tuple[int, int]) -> int:
    """Return the side of a cell for a picture of `shape` (height, width), in pixels; a power of 2."""
    side = CELL_PX
    while -(-shape[0] // side) * -(-shape[1] // side) > MOST_CELLS:
        side *= 2
    return side


def solve_cells(shape: tuple[int, int], colours: Sequence[Plane], alpha: Plane, top: float | None) -> Cells:
    """Return F and B of all cells of a picture of `shape` (height, width).

    colours, alpha: the mean of each cell, (h, w) float32 for each sample, and alpha in 0..1. top: the largest value
    that a colour can have, or None; the least is 0.
    """
    alphas = [alpha]
    while max(alphas[-1].shape) > TOP_PX:
        alphas.append(_half(alphas[-1]))
    pairs = np.empty((len(colours), 2, *alpha.shape), np.float32)
    levels = [_Level.of(level) for level in alphas]
    for sample, colour in enumerate(colours):
        images = [colour]
        for _ in alphas[1:]:
            images.append(_half(images[-1]))
        pair = np.broadcast_to(_two_colours(colour, alpha, top)[:, None, None], (2, *alphas[-1].shape))
        for image, level in zip(reversed(images), reversed(levels), strict=True):
            pair = pair if level is levels[-1] else _enlarged(pair)[:, : image.shape[0], : image.shape[1]]
            pair = level.settled(pair, image, SMALL_STEPS if max(image.shape) <= SMALL_PX else STEPS, top)
        pairs[sample] = pair
    return Cells(shape, cell_px(shape), pairs)


def needed(block: Box, cells: Cells) -> Box:
    """Return the pixels around and in `block` from which `foreground` is found there, a box inside the picture."""
    side = cells.side_px // 2
    outermost = _regions(block, cells)[-2]
    whole = Box.whole(cells.shape)
    rows, cols = (Span(span.start * side, span.stop * side) for span in (outermost.rows, outermost.cols))
    return Box(rows.clip(whole.rows), cols.clip(whole.cols))


def foreground(
    block: Box, colours: Iterable[Plane], alpha: Plane, cells: Cells, top: float | None
) -> list[NDArray[np.float32]]:
    """Return F in `block`, (h, w) float32 for each sample.

    colours, alpha: of the pixels of `needed(block, cells)`, (h, w) float32 for each sample, and alpha in 0..1. top: as
    for `solve_cells`.
    """
    window = needed(block, cells)
    regions = _regions(block, cells)
    levels = [
        _Level.of(_cut(level, window, k, region))
        for k, (level, region) in enumerate(zip(_levels(alpha, cells.side_px), regions[:-1], strict=True))
    ]
    found = []
    for colour, whole in zip(colours, cells.pairs, strict=True):
        images = _levels(colour, cells.side_px)
        pair, at = whole[:, *regions[-1].slices], regions[-1]
        for k in reversed(range(len(levels))):
            # The cells beyond those of which the enlarging has need were for their neighbours' sake.
            inner = _half_box(regions[k], _shape(cells.shape, k + 1))
            pair = _enlarged(pair[:, *inner.within(at).slices])
            twice = Box(_times(inner.rows, 2), _times(inner.cols, 2))
            pair = pair[:, *regions[k].within(twice).slices]
            pair = levels[k].settled(pair, _cut(images[k], window, k, regions[k]), STEPS, top)
            at = regions[k]
        found.append(pair[0][block.within(at).slices])
    return found


@dataclass(frozen=True, slots=True)
class _Level:
    """What the alpha of one level, or of a part of it, says about all its samples.

    shares: (2, h, w), alpha and 1 - alpha. weights: what a neighbour counts. per_weight: 1 / their sum in the window
    around each pixel. per_error: what F and B take of an error, before their shares; and what they would take of it to
    be rid of it.
    """

    shares: Pair
    weights: Pair
    per_weight: Pair
    per_error: tuple[Plane, Plane]

    @staticmethod
    def of(alpha: Plane) -> "_Level":
        shares: Pair = np.stack([alpha, 1 - alpha])
        squares = shares * shares
        weights = squares + LEAST_WEIGHT
        both = squares[0] + squares[1]
        per_error = np.float32(1) / (both + STIFFNESS), np.float32(1) / both
        return _Level(shares, weights, np.float32(1) / _window_sums(_framed(weights)), per_error)

    def settled(self, pair: Pair, image: Plane, steps: int, top: float | None) -> Pair:
        """Return F and B after `steps` steps, the last of which explains every pixel wholly.

        image: (h, w), the colours of the picture.
        """
        frame = _framed(self.weights)
        middle = frame[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
        for step in range(steps):
            np.multiply(pair, self.weights, out=middle)
            pair = _window_sums(frame)
            pair *= self.per_weight
            shown = pair * self.shares
            error = image - shown[0]
            error -= shown[1]
            error *= self.per_error[step == steps - 1]
            np.multiply(self.shares, error, out=shown)
            pair += shown
            np.clip(pair, 0, top, out=pair)
        return pair


def _window_sums(framed: Pair) -> Pair:
    """Return the sums of the 5 x 5 values around each, of (2, h, w) with a frame of zeros as wide as the radius."""
    # Each sum is ((a + b) + (c + d)) + e, wherever it lies: a running sum would depend on where it began.
    twos = framed[:, :-1] + framed[:, 1:]
    tall = twos[:, :-3] + twos[:, 2:-1]
    tall += framed[:, 4:]
    twos = tall[:, :, :-1] + tall[:, :, 1:]
    sums = twos[:, :, :-3] + twos[:, :, 2:-1]
    sums += tall[:, :, 4:]
    return sums


def _framed(pair: Pair) -> Pair:
    return np.pad(pair, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)))


def _two_colours(colour: Plane, alpha: Plane, top: float | None) -> NDArray[np.float32]:
    """Return the one F and the one B that explain all cells best, by least squares."""
    share, other = alpha.astype(np.float64).ravel(), 1 - alpha.astype(np.float64).ravel()
    middle = colour.mean(dtype=np.float64)
    beyond = colour.ravel() - middle
    cross = share @ other
    matrix = np.array([[share @ share, cross], [cross, other @ other]]) + RIDGE * alpha.size * np.eye(2)
    both = np.linalg.solve(matrix, [share @ beyond, other @ beyond]) + middle
    return np.asarray(np.clip(both, 0, top), np.float32)


def _half(plane: Plane) -> Plane:
    """Return (h, w) at half its size, sides rounded up: the mean of 2 x 2 values, an odd last one repeated."""
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    tall = plane[0::2] + plane[1::2]
    half: Plane = tall[:, 0::2] + tall[:, 1::2]
    half *= np.float32(0.25)
    return half


def _levels(plane: Plane, side_px: int) -> list[Plane]:
    """Return (h, w) values and their halves, down to the last before cells of `side_px` pixels."""
    levels = [plane]
    while 2 ** len(levels) < side_px:
        levels.append(_half(levels[-1]))
    return levels


def _enlarged(pair: Pair) -> Pair:
    """Return (2, h, w) at twice its size, linear between the centres, constant beyond the outermost."""
    return _doubled(_doubled(pair, 1), 2)


def _doubled(pair: Pair, axis: int) -> Pair:
    def along(values: Pair, part: slice) -> Pair:
        return values[:, part] if axis == 1 else values[:, :, part]

    own, quarter = pair * np.float32(0.75), pair * np.float32(0.25)
    doubled = np.empty([2 * size if one == axis else size for one, size in enumerate(pair.shape)], np.float32)
    before, after = along(doubled, slice(0, None, 2)), along(doubled, slice(1, None, 2))
    first, last, others, but_last = slice(0, 1), slice(-1, None), slice(1, None), slice(0, -1)
    np.add(along(own, first), along(quarter, first), out=along(before, first))
    np.add(along(own, others), along(quarter, but_last), out=along(before, others))
    np.add(along(own, but_last), along(quarter, others), out=along(after, but_last))
    np.add(along(own, last), along(quarter, last), out=along(after, last))
    return doubled


def _regions(block: Box, cells: Cells) -> list[Box]:
    """Return what is worked on at each level, pixels first, and at last the cells that are looked up."""
    regions = []
    inner, level = block, 0
    while 2**level < cells.side_px:
        whole = Box.whole(_shape(cells.shape, level))
        reach = RADIUS * STEPS
        regions.append(Box(inner.rows.grow(reach).clip(whole.rows), inner.cols.grow(reach).clip(whole.cols)))
        level += 1
        inner = _half_box(regions[-1], _shape(cells.shape, level))
    return [*regions, inner]


def _half_box(box: Box, shape: tuple[int, int]) -> Box:
    """Return the cells, each of 2 x 2 pixels, between which the pixels of `box` lie, inside a level of `shape`."""
    whole = Box.whole(shape)
    rows, cols = (Span(span.start // 2 - 1, -(-span.stop // 2) + 1) for span in (box.rows, box.cols))
    return Box(rows.clip(whole.rows), cols.clip(whole.cols))


def _shape(shape: tuple[int, int], level: int) -> tuple[int, int]:
    """Return the shape of a level of which each cell is 2^level pixels wide."""
    return -(-shape[0] // 2**level), -(-shape[1] // 2**level)


def _times(span: Span, factor: int) -> Span:
    return Span(span.start * factor, span.stop * factor)


def _cut(plane: Plane, window: Box, level: int, region: Box) -> Plane:
    """Return the part of a level of a window of pixels that `region`, in cells of the level, is."""
    rows, cols = (
        span.shift(-(start >> level))
        for span, start in ((region.rows, window.rows.start), (region.cols, window.cols.start))
    )
    return plane[rows.slice, cols.slice]
