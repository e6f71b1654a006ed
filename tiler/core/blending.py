"""The alpha of one block, gathered from the few tiles that touch it. Pure."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.core.plan import Level

Alpha = NDArray[np.float32]
Guide = Callable[[Box], Alpha]


def touching(level: Level, i: int, j: int) -> list[tuple[int, int]]:
    """Return the tiles (row, column) whose support meets block (i, j), each once, in a fixed order."""
    return list(dict.fromkeys((r, c) for r, _ in level.rows.touching(i) for c, _ in level.cols.touching(j)))


def blend(level: Level, i: int, j: int, tiles: Mapping[tuple[int, int], Alpha], guide: Guide) -> Alpha:
    """Return block (i, j) of `level`: its tiles, cross-faded by their ramps.

    tiles: (row, column) -> alpha over the tile's support, float32. A tile that did not run is missing there, and
    the `guide` of the block's box takes its place. Returns (h, w) float32.

    Each pixel is the sum of weight x tile over the tiles that touch the block, in a fixed order, and the weights
    sum to 1: no accumulator is shared between blocks, so the order in which blocks are made cannot matter.
    """
    if not any(tile in tiles for tile in touching(level, i, j)):
        return guide(level.block(i, j))
    return mix(level, i, j, level.block(i, j), tiles, guide)


def mix(level: Level, i: int, j: int, box: Box, tiles: Mapping[tuple[int, int], Alpha], guide: Guide) -> Alpha:
    """Return `box` as `blend` makes it of the tiles that touch block (i, j): the block itself, or a part near it.

    Where a tile that does not touch the block has weight as well, its share is missing.
    """
    ground = guide(box) if any(tile not in tiles for tile in touching(level, i, j)) else None
    out = np.zeros(box.shape, np.float32)
    for r, row_shift in level.rows.touching(i):
        for c, col_shift in level.cols.touching(j):
            support = Box(level.rows.support(r).shift(row_shift), level.cols.support(c).shift(col_shift))
            part = Box(support.rows.clip(box.rows), support.cols.clip(box.cols))
            if 0 in part.shape:
                continue
            own_part, here = part.within(support), part.within(box)
            alpha = tiles[r, c][own_part.slices] if ground is None or (r, c) in tiles else ground[here.slices]
            weighted = level.rows.ramp(r)[own_part.rows.slice, None] * level.cols.ramp(c)[own_part.cols.slice]
            weighted *= alpha
            out[here.slices] += weighted
    return out
