"""The alpha of every level on disk, written block by block from any thread, read in any window."""

from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from tiler.geometry import Box, Span
from tiler.image.cache import PieceCache
from tiler.plan import Level, Plan

WHITE = 65535
# Blocks of each level kept decoded: neighbouring windows share most of theirs.
CACHED_BYTES = 32_000_000


class Canvas:
    """A Zarr group with one uint16 array per level, 65535 = foreground; one chunk is one block.

    Blocks are whole chunks, so two threads never touch the same file. A window is read when the blocks under it are
    written, not before.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        """Create the canvas of `plan` in the directory `root`, which must not hold one yet."""
        group = zarr.create_group(root)
        self._layers = [_Layer(group, level) for level in plan.levels]

    def write(self, level: int, box: Box, alpha: NDArray[np.float32]) -> None:
        """Write `alpha`, float32, cut to 0..1 and rounded to the nearest of 65536 steps, into a whole block."""
        self._layers[level].array[box.slices] = np.rint(np.clip(alpha, 0.0, 1.0) * WHITE).astype(np.uint16)

    def steps(self, level: int, box: Box) -> NDArray[np.uint16]:
        """Return the (h, w) alpha of `box`, uint16, 65535 = foreground."""
        return self._layers[level].read(box)

    def alpha(self, level: int, box: Box) -> NDArray[np.float32]:
        """Return the (h, w) alpha of `box`, float32 in 0..1."""
        return np.asarray(self.steps(level, box) / np.float32(WHITE), dtype=np.float32)


class _Layer:
    """One level: its array, and its blocks as they were read last."""

    def __init__(self, group: zarr.Group, level: Level) -> None:
        self._level = level
        self._blocks = PieceCache(self._block, CACHED_BYTES)
        self.array = group.create_array(
            str(level.index),
            shape=level.shape,
            chunks=(level.rows.block_px, level.cols.block_px),
            dtype="uint16",
            fill_value=0,
        )

    def read(self, box: Box) -> NDArray[np.uint16]:
        out = np.empty(box.shape, np.uint16)
        for i in _touched(box.rows, self._level.rows.block_px):
            for j in _touched(box.cols, self._level.cols.block_px):
                block = self._level.block(i, j)
                part = Box(block.rows.clip(box.rows), block.cols.clip(box.cols))
                pixels = self._blocks.get(i * self._level.cols.count + j)
                out[part.within(box).slices] = pixels[part.within(block).slices]
        return out

    def _block(self, index: int) -> NDArray[np.uint16]:
        i, j = divmod(index, self._level.cols.count)
        return np.asarray(self.array[self._level.block(i, j).slices], dtype=np.uint16)


def _touched(span: Span, block_px: int) -> range:
    """Return the indices of the blocks that a span of real pixels touches."""
    return range(span.start // block_px, -(-span.stop // block_px))
