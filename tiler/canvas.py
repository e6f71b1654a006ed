"""The alpha of every level on disk, written block by block from any thread, read in any window."""

from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from tiler.geometry import Box
from tiler.plan import Plan

WHITE = 65535


class Canvas:
    """A Zarr group with one uint16 array per level, 65535 = foreground; one chunk is one block.

    Blocks are whole chunks, so two threads never touch the same file.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        """Create the canvas of `plan` in the directory `root`, which must not hold one yet."""
        group = zarr.create_group(root)
        self._levels = [
            group.create_array(
                str(level.index),
                shape=level.shape,
                chunks=(level.rows.block_px, level.cols.block_px),
                dtype="uint16",
                fill_value=0,
            )
            for level in plan.levels
        ]

    def write(self, level: int, box: Box, alpha: NDArray[np.float32]) -> None:
        """Write `alpha`, float32, cut to 0..1 and rounded to the nearest of 65536 steps, into a whole block."""
        self._levels[level][box.slices] = np.rint(np.clip(alpha, 0.0, 1.0) * WHITE).astype(np.uint16)

    def steps(self, level: int, box: Box) -> NDArray[np.uint16]:
        """Return the (h, w) alpha of `box`, uint16, 65535 = foreground."""
        return np.asarray(self._levels[level][box.slices], dtype=np.uint16)

    def alpha(self, level: int, box: Box) -> NDArray[np.float32]:
        """Return the (h, w) alpha of `box`, float32 in 0..1."""
        return np.asarray(self.steps(level, box) / np.float32(WHITE), dtype=np.float32)
