"""Tile alpha and guide made one: what the tile knows of edges, within what the guide knows of the whole. Pure.

The fused alpha is an affine function of tile alpha, guide and colours whose coefficients vary slowly: they are found
on a coarse grid of *cells*, two guide pixels wide, and interpolated. It is the mean of two answers:

- the *splice*, guide + w (d - mean d), where d = tile - guide: the tile's detail on the guide's ground. w says how
  far the tile, seen as coarsely as the guide, tells the same story: the squared correlation of the two around a
  cell, less where one is flatter than the other. A tile that lies is not spliced.
- the *guided filter* of the guide by the colours and the tile alpha, which moves a blurred edge to where colours
  change. K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013; coefficients on a coarse grid as
  in K. He, J. Sun, "Fast guided filter", arXiv:1505.00996, 2015. It counts as far as it explains the guide: where
  nothing in the picture varies with the guide, the guide stays.

Law: where the guide is sure the fused alpha is the guide; and whatever the tile says, the means of both over every
*neighbourhood*, a square eight guide pixels wide on the tile's own grid, differ by `TOLERANCE` at most. An edge
may so move by half a guide pixel and no further.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

Plane = NDArray[np.float32]

# The finest detail that the guide can tell apart.
CELL_GUIDE_PX = 2.0
# Cells to a side of a neighbourhood.
REACH = 4
# Cells to a side of the window in which a tile's detail is told from its ground: about what the guide can have lost.
SPLICE_WINDOW = 11
# ... and of the window in which colours are asked to explain the guide: it should hold both sides of loose hair.
GUIDED_WINDOW = 21
# Half a guide pixel in eight.
TOLERANCE = 1 / 16
# The smooth corrections begin well before the tolerance, so that the last, blunt one has next to nothing to do.
SLACK = TOLERANCE / 2
CORRECTIONS = 2
# A guide this near to 0 or 1 is kept as it is: less than one step of 255.
SURE = 1 / 256
# The change fades in over this much of the guide beyond that, so that no strand ends in a step.
FADE = 8 / 256
# Variances below this (a standard deviation of 2.5 steps of 255) are noise, not edges.
NOISE = 1e-4


def fuse(tile_alpha: Plane, guide: Plane, rgb: Plane, guide_px: float) -> Plane:
    """Return the fused alpha of one tile.

    tile_alpha, guide: (h, w) float32 in 0..1. rgb: (h, w, 3) float32 in 0..255. guide_px: the size of one pixel of
    the level below, in pixels of this one. Returns (h, w) float32 in 0..1; any size from 1x1 up.
    """
    uncertain = np.flatnonzero((guide > SURE) & (guide < 1 - SURE))
    if uncertain.size == 0:
        return guide
    cells = Cells(guide.shape, max(1, round(CELL_GUIDE_PX * guide_px)), uncertain)
    before = guide.ravel()[uncertain]
    say = np.clip((np.minimum(before, 1 - before) - SURE) / FADE, 0, 1)
    after = before + say * (_answer(tile_alpha, guide, rgb, cells) - before)
    after = _held_to(before, _drawn_to(before, after, cells), cells)
    fused = guide.copy()
    fused.ravel()[uncertain] = after
    return fused


def _answer(tile: Plane, guide: Plane, rgb: Plane, cells: "Cells") -> Plane:
    """Return the mean of splice and guided filter at the uncertain pixels."""
    coarse_tile, coarse_guide = cells.mean(tile), cells.mean(guide)
    coarse_rgb = cells.mean(rgb) / np.float32(255)
    weight = _agreement(coarse_tile, coarse_guide)
    (red, green, blue, own), offset, trust = _guided(coarse_guide, [*np.moveaxis(coarse_rgb, -1, 0), coarse_tile])
    ground = offset - weight * _around(coarse_tile - coarse_guide, SPLICE_WINDOW)

    at = cells.pixels
    colours = rgb.reshape(-1, 3)[at] / np.float32(255)
    answer = cells.at_pixels(2 - weight - trust) * guide.ravel()[at]
    answer += cells.at_pixels(weight + own) * tile.ravel()[at]
    answer += cells.at_pixels(red) * colours[:, 0]
    answer += cells.at_pixels(green) * colours[:, 1]
    answer += cells.at_pixels(blue) * colours[:, 2]
    answer += cells.at_pixels(ground)
    return np.asarray(np.clip(answer / 2, 0.0, 1.0), dtype=np.float32)


def _agreement(tile: Plane, guide: Plane) -> Plane:
    """Return, per cell, how far tile and guide tell the same story around it: 0 not at all, 1 the very same."""
    mean = partial(_around, window=SPLICE_WINDOW)
    tile_mean, guide_mean = mean(tile), mean(guide)
    tile_var = mean(tile * tile) - tile_mean * tile_mean + np.float32(NOISE)
    guide_var = mean(guide * guide) - guide_mean * guide_mean + np.float32(NOISE)
    both = np.maximum(mean(tile * guide) - tile_mean * guide_mean, 0)
    correlation = np.minimum(both * both / (tile_var * guide_var), 1)
    return mean(correlation * np.minimum(1, both / np.maximum(tile_var, guide_var)))


def _guided(guide: Plane, features: list[Plane]) -> tuple[list[Plane], Plane, Plane]:
    """Return slopes, offset and trust, per cell, of the affine function of the features that is nearest to the guide.

    trust: the share of the guide's variance that the function explains; slopes and offset are multiplied by it.
    """
    mean, smooth = partial(_around, window=GUIDED_WINDOW), partial(_around, window=SPLICE_WINDOW)
    means = [mean(feature) for feature in features]
    guide_mean = mean(guide)
    count = len(features)
    matrix = np.empty((*guide.shape, count, count))
    right = np.empty((*guide.shape, count, 1))
    for i, feature in enumerate(features):
        right[..., i, 0] = mean(feature * guide) - means[i] * guide_mean
        for j in range(i + 1):
            matrix[..., i, j] = matrix[..., j, i] = mean(feature * features[j]) - means[i] * means[j]
        matrix[..., i, i] += NOISE
    solved = np.linalg.solve(matrix, right)
    variance = mean(guide * guide) - guide_mean * guide_mean + np.float32(NOISE)
    trust = np.clip((solved * right).sum(axis=(-2, -1)) / variance, 0, 1).astype(np.float32)
    slopes = [trust * slope for slope in np.moveaxis(solved[..., 0].astype(np.float32), -1, 0)]
    offset = trust * guide_mean - sum(slope * mean for slope, mean in zip(slopes, means, strict=True))
    return [smooth(slope) for slope in slopes], smooth(offset), smooth(trust)


def _drawn_to(before: Plane, after: Plane, cells: "Cells") -> Plane:
    """Return `after` with what its neighbourhoods have too much scaled towards 0, and too little towards 1."""
    for _ in range(CORRECTIONS):
        off = _around(cells.share(after - before), 2 * REACH + 1)
        excess = off - np.clip(off, -SLACK, SLACK)
        if not excess.any():
            break
        less = np.clip(excess / np.maximum(_around(cells.share(after), 2 * REACH + 1), NOISE), 0, 1)
        more = np.clip(-excess / np.maximum(_around(cells.share(1 - after), 2 * REACH + 1), NOISE), 0, 1)
        after = (1 - cells.at_pixels(less)) * after + cells.at_pixels(more) * (1 - after)
    return after


def _held_to(before: Plane, after: Plane, cells: "Cells") -> Plane:
    """Return `after` with the law kept: a neighbourhood that is still off moves as a whole towards the guide."""
    neighbourhoods = Cells(cells.shape, REACH * cells.cell_px, cells.pixels)
    off = np.abs(neighbourhoods.share(after - before))
    if off.max() <= TOLERANCE:
        return after
    keep = TOLERANCE / np.maximum(off, TOLERANCE)
    return before + keep.ravel()[neighbourhoods.index] * (after - before)


def _around(plane: Plane, window: int) -> Plane:
    """Return the mean over the square of `window` cells that has each cell at its centre."""
    return np.asarray(uniform_filter(plane, window, mode="nearest"), dtype=np.float32)


@dataclass(frozen=True)
class Cells:
    """A grid of square cells over a tile, and some of its pixels.

    shape: (height, width) of the tile; the last cells of a row or column may be cut. pixels: flat indices into it.
    """

    shape: tuple[int, ...]
    cell_px: int
    pixels: NDArray[np.intp]

    def mean(self, plane: Plane) -> Plane:
        """Return the mean of each cell of an (h, w) or (h, w, c) plane."""
        ragged = [(0, -size % self.cell_px) for size in self.shape] + [(0, 0)] * (plane.ndim - 2)
        whole = np.pad(plane, ragged) if any(extra for _, extra in ragged) else plane
        by_rows = sum((whole[k :: self.cell_px] for k in range(1, self.cell_px)), whole[:: self.cell_px])
        sums = sum((by_rows[:, k :: self.cell_px] for k in range(1, self.cell_px)), by_rows[:, :: self.cell_px])
        return np.asarray(sums / self._sizes.reshape(self._sizes.shape + (1,) * (plane.ndim - 2)), dtype=np.float32)

    def share(self, values: Plane) -> Plane:
        """Return the sum of `values`, one for each of the pixels, in each cell, divided by all pixels of the cell."""
        sums = np.bincount(self.index, weights=values, minlength=self._sizes.size)
        return (sums.reshape(self._sizes.shape) / self._sizes).astype(np.float32)

    def at_pixels(self, plane: NDArray[np.floating]) -> Plane:
        """Return the cells' values at the pixels, linear between the centres of cells."""
        flat = plane.ravel()
        (top, bottom, down), (left, right, across) = self._between
        above = flat[top + left] * (1 - across) + flat[top + right] * across
        below = flat[bottom + left] * (1 - across) + flat[bottom + right] * across
        return np.asarray(above * (1 - down) + below * down, dtype=np.float32)

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """The flat index of the cell in which each of the pixels lies."""
        rows, cols = self._places
        index: NDArray[np.intp] = rows // self.cell_px * self._sizes.shape[1] + cols // self.cell_px
        return index

    @cached_property
    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows, cols = np.divmod(self.pixels, self.shape[1])
        return rows, cols

    @cached_property
    def _sizes(self) -> Plane:
        """How many pixels each cell has."""
        rows, cols = (np.minimum(self.cell_px, size - np.arange(0, size, self.cell_px)) for size in self.shape)
        return (rows[:, None] * cols).astype(np.float32)

    @cached_property
    def _between(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp], Plane]]:
        """For rows and columns: the cells around each pixel, as parts of a flat index, and how far between them."""
        found = []
        for places, count, stride in zip(self._places, self._sizes.shape, (self._sizes.shape[1], 1), strict=True):
            position = np.clip((places + 0.5) / self.cell_px - 0.5, 0, count - 1)
            first = position.astype(np.intp)
            last = np.minimum(first + 1, count - 1)
            found.append((first * stride, last * stride, (position - first).astype(np.float32)))
        return found
