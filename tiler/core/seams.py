"""How well neighbouring tiles agree where they cross-fade, and what of it shows in the matte. Pure.

Two things are measured at every seam, which is where the tiles of two neighbouring blocks overlap.

Before blending, the *disagreement*: |a - b| of the two tiles wherever both have weight. A step that is spread over a
whole cross-fade is too gentle to be found in the finished matte, yet hair that one tile sees and the other does not
fades out there. That tiles of one picture disagree is the root of every seam: E. Buglakova et al., "Tiling artifacts
and trade-offs of feature normalization in the segmentation of large biological images", ICCV 2025.

After blending, the *step ratio*: the steps across the line, divided by the steps beside it. It is 1 where the line
looks like its surroundings. It also finds what disagreement cannot: a blend that does not fade. H. R. Wu and
M. Yuen, "A generalized block-edge impairment metric for video coding", IEEE Signal Processing Letters 4(11), 1997,
divide so at the borders of JPEG blocks; S. Minami and A. Zakhor, "An optimization approach for removing blocking
effects in transform coding", IEEE TCSVT 5(2), 1995, compare with the slopes on either side.

Both count only uncertain pixels. Where all tiles are saturated at 1, or all at 0, there is nothing to see, and a
picture with much empty ground would look better than it is. The tiles themselves decide, not the guide: so a tile that
is missing in the middle of a body is found.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tiler.core.blending import Guide, mix
from tiler.core.constraint import TOLERANCE
from tiler.core.geometry import Axis, Box, Span
from tiler.core.guide import SATURATED
from tiler.core.plan import Level

Alpha = NDArray[np.float32]
Mask = NDArray[np.bool_]
Tile = tuple[int, int]
Across = Literal["rows", "cols"]
ACROSS: tuple[Across, Across] = ("rows", "cols")

# Averaged over a square of eight guide pixels a fused tile is within `TOLERANCE` of its guide, so two of them are
# within twice that of each other if they err in opposite directions; they see the same pixels, and rarely do. The
# constraint bounds the mean of a difference, not of its size, so this is a rule of thumb. But what is beyond it is
# rarely hair: a tile failed, or nothing was fused.
LIMIT = TOLERANCE
# A seam is seen as a patch that is off, not as a pixel; the worst place is the worst square of this side,
# eight guide pixels where a level is half of the next.
PATCH_PX = 16
# Steps below half of one step of 255 cannot be seen in any output; they count as that, so that two nothings divide
# to 1.
LEAST_STEP = 0.5 / 255
# How many of the worst a person is shown.
SHOWN = 10
# How many seams a block has at most, and how many numbers each.
SIDES, FIELDS = 2, 11
# Pixels needed on either side of the line: one for its own step, two for the steps beside it.
BESIDE_PX = 3


@dataclass(frozen=True, slots=True)
class Seam:
    """Where two neighbouring tiles of one level meet.

    across: "cols" if they are left and right of each other, "rows" if one is above the other. row, col: the tile
    after the line, right of it or below; its neighbour is one before. pixels: how many uncertain pixels both have
    weight in. mean, p99: of the disagreement over these, in 0..1. worst: the greatest mean disagreement of a square of
    `PATCH_PX`; worst_row, worst_col: its middle, in pixels of the level. step_ratio: see above; 1 where nothing is
    uncertain at the line.
    """

    level: int
    across: Across
    row: int
    col: int
    pixels: int
    mean: float
    p99: float
    worst: float
    worst_row: int
    worst_col: int
    step_ratio: float

    @property
    def tiles(self) -> tuple[Tile, Tile]:
        """Return the (row, column) of both tiles; -1 is the last one, around the join of a panorama."""
        before = (self.row - 1, self.col) if self.across == "rows" else (self.row, self.col - 1)
        return before, (self.row, self.col)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the seams of a run come to.

    limit: on `Seam.worst`, in 0..1. count: seams measured. mean: of the disagreement over all of their uncertain
    pixels, in 0..1. above: how many are beyond the limit. worst: the ten worst, worst first.
    """

    limit: float
    count: int
    mean: float
    above: int
    worst: tuple[Seam, ...]

    @property
    def passed(self) -> bool:
        return self.above == 0


def judge(seams: Iterable[Seam], limit: float = LIMIT) -> Judgement:
    """Return what `seams` come to under a `limit` on their worst place, in 0..1."""
    ranked = worst_first(seams)
    pixels = sum(seam.pixels for seam in ranked)
    mean = sum(seam.mean * seam.pixels for seam in ranked) / pixels if pixels else 0.0
    return Judgement(limit, len(ranked), mean, sum(seam.worst > limit for seam in ranked), tuple(ranked[:SHOWN]))


def worst_first(seams: Iterable[Seam]) -> list[Seam]:
    """Return `seams` by their worst place, the worst first; ties from the finest level down, top left first."""
    return sorted(seams, key=lambda seam: (-seam.worst, seam.level, seam.row, seam.col, seam.across))


def to_rows(seams: Iterable[Seam]) -> NDArray[np.float64]:
    """Return `seams` as an array, (seams, `FIELDS`) float64: one row each, the fields of `Seam` in order.

    across is 0 for "rows" and 1 for "cols".
    """
    rows = [[_number(value) for value in astuple(seam)] for seam in seams]
    return np.array(rows, np.float64).reshape(len(rows), FIELDS)


def from_rows(rows: NDArray[np.float64]) -> tuple[Seam, ...]:
    """Return the seams of which `to_rows` made `rows`."""
    return tuple(_seam(*row) for row in rows.tolist())


def overlap_box(level: Level, seam: Seam) -> Box:
    """Return where both tiles of `seam` have weight, along its block; in pixels of the level, unrolled."""
    block = level.block(seam.row, seam.col)
    if seam.across == "rows":
        return Box(_overlap(level.rows, seam.row), block.cols)
    return Box(block.rows, _overlap(level.cols, seam.col))


def measure_block(level: Level, i: int, j: int, tiles: Mapping[Tile, Alpha], guide: Guide) -> tuple[Seam, ...]:
    """Return the seams above and left of block (i, j), measured along the block.

    tiles, guide: as `tiler.core.blending.blend` takes them. A tile that did not run answers as the guide does;
    between two such tiles there is no seam. Every seam of a level belongs to one block, so blocks can be measured in
    any order. Blocks that do not overlap at all are not measured: nothing is known on the other side.
    """
    return tuple(
        _measure(level, i, j, across, tiles, guide)
        for across, axis, index in _sides(level, i, j)
        if (index > 0 or axis.wraps)
        and _overlap(axis, index).size > 0
        and any(tile in tiles for tile in _real(level, _pair(across, i, j)))
    )


def _measure(level: Level, i: int, j: int, across: Across, tiles: Mapping[Tile, Alpha], guide: Guide) -> Seam:
    block = level.block(i, j)
    rows, cols = (_overlap(level.rows, i), block.cols) if across == "rows" else (block.rows, _overlap(level.cols, j))
    overlap = Box(rows, cols)
    before, after = (_answer(level, tile, overlap, tiles, guide) for tile in _pair(across, i, j))
    counted = uncertain(before, after)
    apart = np.abs(before - after) * counted
    pixels = int(counted.sum())
    values = apart[counted]
    worst, row, col = _worst_patch(apart)
    return Seam(
        level=level.index,
        across=across,
        row=i,
        col=j,
        pixels=pixels,
        mean=float(values.mean(dtype=np.float64)) if pixels else 0.0,
        p99=float(np.quantile(values, 0.99, method="higher")) if pixels else 0.0,
        worst=worst,
        worst_row=overlap.rows.start + row,
        worst_col=(overlap.cols.start + col) % level.shape[1],
        step_ratio=_step_ratio(level, i, j, across, tiles, guide),
    )


def uncertain(*answers: Alpha) -> Mask:
    """Return where `answers`, (h, w) each, are neither all saturated at 1 nor all at 0: (h, w) bool.

    Saturated is nearer than `tiler.core.guide.SATURATED` to 1 or 0.
    """
    low = np.minimum.reduce(answers)
    high = np.maximum.reduce(answers)
    return np.asarray((high > SATURATED) & (low < 1 - SATURATED))


def step_ratio(strip: Alpha) -> float:
    """Return the steps across the middle of `strip`, (h, 6), divided by those one and two columns to either side.

    Means of |step| over the rows that hold an uncertain pixel; 1 if there are none.
    """
    rows = uncertain(*strip.T)
    if not rows.any():
        return 1.0
    steps = np.abs(np.diff(strip[rows], axis=1)).mean(axis=0, dtype=np.float64)
    return float(max(steps[2], LEAST_STEP) / max(steps[[0, 1, 3, 4]].mean(), LEAST_STEP))


def _step_ratio(level: Level, i: int, j: int, across: Across, tiles: Mapping[Tile, Alpha], guide: Guide) -> float:
    axis, index = (level.rows, i) if across == "rows" else (level.cols, j)
    block = level.block(i, j)
    line = axis.block(index).start
    span = Span(line - BESIDE_PX, line + BESIDE_PX)
    # A third tile has weight at the line of a block this narrow, which tests make and pictures do not.
    if axis.block_px < axis.feather_px // 2 + BESIDE_PX or (span.stop > axis.size and not axis.wraps):
        return 1.0
    if across == "rows":
        return step_ratio(mix(level, i, j, Box(span, block.cols), tiles, guide).T)
    return step_ratio(mix(level, i, j, Box(block.rows, span), tiles, guide))


def _worst_patch(apart: Alpha) -> tuple[float, int, int]:
    """Return the greatest mean of a square of `PATCH_PX`, and its middle: (mean, row, column)."""
    size = tuple(min(PATCH_PX, side) for side in apart.shape)
    means = ndimage.uniform_filter(apart, size, mode="constant")
    row, col = np.unravel_index(int(means.argmax()), means.shape)
    return float(means[row, col]), int(row), int(col)


def _answer(level: Level, tile: Tile, box: Box, tiles: Mapping[Tile, Alpha], guide: Guide) -> Alpha:
    """Return the alpha of an unrolled tile inside `box`."""
    (real,) = _real(level, (tile,))
    return tiles[real][box.within(level.support(*tile)).slices] if real in tiles else guide(box)


def _number(value: int | float | str) -> float:
    return float(ACROSS.index(value) if isinstance(value, str) else value)


def _seam(
    level: float,
    across: float,
    row: float,
    col: float,
    pixels: float,
    mean: float,
    p99: float,
    worst: float,
    *rest: float,
) -> Seam:
    worst_row, worst_col, ratio = rest
    side = ACROSS[int(across)]
    return Seam(
        int(level), side, int(row), int(col), int(pixels), mean, p99, worst, int(worst_row), int(worst_col), ratio
    )


def _sides(level: Level, i: int, j: int) -> Iterator[tuple[Across, Axis, int]]:
    yield "rows", level.rows, i
    yield "cols", level.cols, j


def _pair(across: Across, i: int, j: int) -> tuple[Tile, Tile]:
    """Return the two tiles that meet at the line before (i, j), unrolled."""
    return ((i - 1, j), (i, j)) if across == "rows" else ((i, j - 1), (i, j))


def _real(level: Level, tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
    """Return the tiles that unrolled ones stand for."""
    return tuple((i % level.rows.count, j % level.cols.count) for i, j in tiles)


def _overlap(axis: Axis, index: int) -> Span:
    """Return the pixels in which tiles `index` - 1 and `index` both have weight, unrolled."""
    return axis.support(index - 1).clip(axis.support(index))
