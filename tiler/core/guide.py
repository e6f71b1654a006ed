"""The guide of a level: the alpha of the level below, enlarged, and which tiles it leaves uncertain.

`enlarge` makes one box at a time, and the value of a pixel does not depend on the box.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Axis, Box, Span
from tiler.core.plan import Level

Alpha = NDArray[np.float32]

# Alpha nearer than this to 0 or 1 is saturated: five steps of 255, less than an eye sees on a new background.
SATURATED = 0.02
# Weights are rounded to this, far below what shows. Sums of them are then exact, so that a guide of 0 or 1 stays so.
WEIGHT_STEP = 2.0**-20
# The cubic looks two guide pixels around; a silhouette that enters a tile from there is uncertain too.
MARGIN_PX = 2
# The sum of the margins of all enlargings from the base up, in pixels of the base: 2 + 2/1.2 + 2/2.4 + ..., rounded up.
ALL_MARGINS_PX = 6
# Of alphas in 0..e the cubic makes at most 1.125^2 + 0.125^2 = 1.28 e, and the canvas rounds them.
OVERSHOOT = 1.4


def enlarge(read: Callable[[Box], Alpha], box: Box, level: Level, below: Level) -> Alpha:
    """Return the guide of `level` inside `box`, enlarged from the alpha of the level `below`.

    read: gives the alpha of `below`, float32 in 0..1, for a box inside its picture. box: in pixels of `level`,
    unrolled where its columns wrap. Returns (h, w) float32 in 0..1.

    Keys' cubic with a = -1/2 (Catmull-Rom), separable, pixel centres aligned, edges repeated; overshoot is cut at
    0 and 1. R. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981.
    """
    if level.guide_scale is None:
        raise ValueError("the base has no guide")
    down = _taps(level.rows, box.rows, level.guide_scale[0], below.shape[0])
    across = _taps(level.cols, box.cols, level.guide_scale[1], below.shape[1])
    coarse = read(Box(down.reach, across.reach))
    if (coarse == (first := coarse[0, 0])).all() and first in (0, 1):
        return np.full(box.shape, first, np.float32)
    wide = _wide(_tall(coarse, down), across)
    return np.clip(wide, 0.0, 1.0, out=wide)


def uncertain_tiles(
    read: Callable[[Box], Alpha],
    level: Level,
    below: Level,
    tiles: Iterable[tuple[int, int]] | None = None,
    *,
    saturated: float = SATURATED,
    margin_px: int = MARGIN_PX,
) -> frozenset[tuple[int, int]]:
    """Return the tiles (row, column) of `level` whose support holds uncertain guide pixels.

    `read` is that of `enlarge`. A tile is solved if all of its guide is nearer than `saturated` to 0, or all to 1; one
    with both kinds has an edge in it and is uncertain. tiles: those that are asked for; None: all. margin_px: how far
    around its support a tile looks, in pixels of `below`.
    """
    found = set()
    for i, j in level.tiles if tiles is None else tiles:
        low, high = 1.0, 0.0
        for box in _boxes_below(level, level.support(i, j), below, margin_px):
            alpha = read(box)
            low, high = min(low, float(alpha.min())), max(high, float(alpha.max()))
        if high > saturated and low < 1 - saturated:
            found.add((i, j))
    return frozenset(found)


def tiles_open_at_base(read: Callable[[Box], Alpha], level: Level, base: Level) -> frozenset[tuple[int, int]]:
    """Return the tiles of `level` that may be uncertain, as far as the `base` says: all that will be, and a few more.

    read: gives the alpha of `base`. What is saturated there stays so while no tile runs on it, and none does. Each
    enlarging looks `MARGIN_PX` further, in ever smaller pixels, and overshoots by less than `OVERSHOOT`.
    """
    scale = (level.shape[0] / base.shape[0], level.shape[1] / base.shape[1])
    saturated = SATURATED / OVERSHOOT ** (base.index - level.index)
    scaled = replace(level, guide_scale=scale)
    return uncertain_tiles(read, scaled, base, saturated=saturated, margin_px=ALL_MARGINS_PX)


def blocks_below(level: Level, box: Box, below: Level) -> frozenset[tuple[int, int]]:
    """Return the blocks (row, column) of the level `below` that `enlarge` reads for `box`, or a few more."""
    if level.guide_scale is None:
        raise ValueError("the base has no guide")
    (rows,) = _spans_below(level.rows, box.rows, level.guide_scale[0], below.rows, MARGIN_PX)
    cols = _spans_below(level.cols, box.cols, level.guide_scale[1], below.cols, MARGIN_PX)
    # Around the join, all between the first column and the last is read.
    across = cols[0] if len(cols) == 1 else Span(0, below.cols.size)
    return frozenset((i, j) for i in _blocks_of(below.rows, rows) for j in _blocks_of(below.cols, across))


def _blocks_of(axis: Axis, span: Span) -> range:
    """Return the blocks of `axis` that hold a span of real pixels."""
    return range(span.start // axis.block_px, (span.stop - 1) // axis.block_px + 1)


def _boxes_below(level: Level, box: Box, below: Level, margin_px: int) -> Iterator[Box]:
    """Yield the boxes of the level `below` that the guide in `box` is made of, with `margin_px` of it around them."""
    if level.guide_scale is None:
        raise ValueError("the base has no guide")
    rows = _spans_below(level.rows, box.rows, level.guide_scale[0], below.rows, margin_px)
    cols = _spans_below(level.cols, box.cols, level.guide_scale[1], below.cols, margin_px)
    yield from (Box(r, c) for r in rows for c in cols)


def _spans_below(axis: Axis, span: Span, guide_scale: float, below: Axis, margin_px: int) -> list[Span]:
    """Return the spans of real pixels of the axis `below` that the guide in `span` of `axis` is made of."""
    found: list[Span] = []
    for piece in axis.pieces(span):
        around = Span(floor(piece.start / guide_scale), ceil(piece.stop / guide_scale)).grow(margin_px)
        if below.wraps:
            found += below.pieces(around) if around.size < below.size else [Span(0, below.size)]
        else:
            found.append(around.clip(Span(0, below.size)))
    return found


def _real(pixels: NDArray[np.int64], size: int, wraps: bool) -> NDArray[np.int64]:
    """Return the pixels inside 0..size-1 that unrolled ones stand for: around the join, or the nearest edge."""
    return np.mod(pixels, size) if wraps else np.clip(pixels, 0, size - 1)


@dataclass(frozen=True, slots=True)
class _Taps:
    """The four guide pixels that each pixel of one axis is made of, and their weights, (4, n) each.

    first, run: where a guide pixel is two pixels wide, two weights serve all pixels, even and odd ones. Their first
    taps are then `first` pixels after the first of all, and `run` gives the real pixels from there on, one by one;
    else None.
    """

    pixels: NDArray[np.int64]
    weights: NDArray[np.float32]
    first: NDArray[np.int64]
    run: NDArray[np.int64] | None

    @property
    def reach(self) -> Span:
        return Span(int(self.pixels.min()), int(self.pixels.max()) + 1)


def _taps(axis: Axis, span: Span, guide_scale: float, size: int) -> _Taps:
    """Return, for each pixel of `span`, the four of `size` guide pixels that it is made of.

    A pixel beyond the join is first taken for the real one that it stands for. The guide of a picture of odd width is
    half a pixel longer than half of it, so counting on beyond the join would look half a guide pixel beside.
    """
    pixels = np.arange(span.start, span.stop)
    position = ((np.mod(pixels, axis.size) if axis.wraps else pixels) + 0.5) / guide_scale - 0.5
    first = np.floor(position).astype(np.int64)
    t = position - first
    weights = np.stack(
        [
            t * (-0.5 + t * (1.0 - 0.5 * t)),
            1.0 + t * t * (-2.5 + 1.5 * t),
            t * (0.5 + t * (2.0 - 1.5 * t)),
            t * t * (-0.5 + 0.5 * t),
        ]
    )
    weights = np.rint(weights / WEIGHT_STEP) * WEIGHT_STEP
    weights[1] = 1 - weights[0] - weights[2] - weights[3]
    inside = span.start >= 0 and span.stop <= axis.size
    return _Taps(
        _real(first + np.arange(-1, 3)[:, None], size, axis.wraps),
        weights.astype(np.float32),
        first - first[0],
        _real(np.arange(first[0] - 1, first[-1] + 3), size, axis.wraps) if inside and guide_scale == 2 else None,
    )


def _tall(values: Alpha, taps: _Taps) -> Alpha:
    """Return the weighted sums of rows of `values`, the first of which is the first that `taps` reaches.

    The fixed order of the four terms, here and in `_wide`, keeps every box bit for bit.
    """
    start = taps.reach.start
    if taps.run is None:
        return _sum_of_four(values, taps.pixels - start, taps.weights)
    run = values[taps.run - start]
    out = np.empty((len(taps.first), run.shape[1]), np.float32)
    for phase in range(min(2, len(out))):
        rows = out[phase::2]
        at = Span(0, len(rows)).shift(int(taps.first[phase]))
        _sum_into(rows, [run[at.shift(k).slice] for k in range(4)], taps.weights[:, phase])
    return out


def _wide(values: Alpha, taps: _Taps) -> Alpha:
    """Return the weighted sums of columns of `values`, the first of which is the first that `taps` reaches."""
    start = taps.reach.start
    if taps.run is None:
        return np.ascontiguousarray(_sum_of_four(values.T, taps.pixels - start, taps.weights).T)
    run = np.take(values, taps.run - start, axis=1)
    out = np.empty((len(run), len(taps.first)), np.float32)
    for phase in range(min(2, out.shape[1])):
        cols = out[:, phase::2]
        at = Span(0, cols.shape[1]).shift(int(taps.first[phase]))
        # What lies side by side is summed faster.
        found = np.empty(cols.shape, np.float32)
        _sum_into(found, [run[:, at.shift(k).slice] for k in range(4)], taps.weights[:, phase])
        cols[...] = found
    return out


def _sum_of_four(values: Alpha, pixels: NDArray[np.int64], weights: NDArray[np.float32]) -> Alpha:
    out: Alpha = values[pixels[0]] * weights[0][:, None]
    for rows, weight in zip(pixels[1:], weights[1:], strict=True):
        out += values[rows] * weight[:, None]
    return out


def _sum_into(out: Alpha, terms: list[Alpha], weights: NDArray[np.float32]) -> None:
    np.multiply(terms[0], weights[0], out=out)
    scratch = np.empty_like(out)
    for term, weight in zip(terms[1:], weights[1:], strict=True):
        np.multiply(term, weight, out=scratch)
        out += scratch
